"""One of several training processes that `jax.distributed` joins.

    python -m tests.engines.in_jax_processes PORT COUNT INDEX DIRECTORY \\
        [--seed N] [--fail] [--stop-after ROUNDS]

Trains with all that keeps state, from the backup in DIRECTORY if there is one,
and leaves what the run has come to in DIRECTORY/result.json.
"""

import argparse
import json
import os
import pathlib

import jax

import keras_amto
from tests.backup import training


class Stop(keras_amto.callbacks.RoundCallback):
    """Ends the process as a kill would, after some rounds."""

    def __init__(self, rounds):
        super().__init__()
        self.rounds = rounds

    def on_round_end(self, round, record):
        if round + 1 == self.rounds:
            os._exit(0)


def fail(*args):
    """What training does where something is broken."""
    raise OSError("no disk")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port")
    parser.add_argument("count", type=int)
    parser.add_argument("index", type=int)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--stop-after", type=int, default=0)
    options = parser.parse_args()
    if options.count > 1:
        jax.distributed.initialize(
            f"localhost:{options.port}", options.count, options.index
        )
    model = training.make_model(seed=options.seed)
    callbacks = [*training.make_callbacks(answer="average")]
    callbacks.append(keras_amto.PopulationBackup(options.directory / "backup"))
    if options.stop_after:
        callbacks.append(Stop(options.stop_after))
    x, y = training.digits(400)
    if options.fail:
        model.fit(x, y, batch_size=32, epochs=1, verbose=0)
        if jax.process_index() == 0:
            model._carried.engine._engine.train = fail
    model.fit(x, y, batch_size=32, epochs=6, verbose=0, callbacks=callbacks)
    outcome = training.result(model, callbacks)
    outcome["losses"] = [
        [record.master_losses.tolist(), record.shadow_losses.tolist()]
        for record in model.ledger
    ]
    outcome["placement"] = [list(row) for row in model.placement.tasks]
    (options.directory / "result.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()
