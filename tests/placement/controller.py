"""A controller of its own process, with servers as the other machines.

    python -m tests.placement.controller RESULT SCENARIO [NUMBER]

A process connects once, and before it builds anything: so each scenario has a
process, which writes what it has come to.
"""

import json
import pathlib
import random
import sys
import threading
from types import SimpleNamespace

import keras
import tensorflow as tf

import keras_amto
from keras_amto import fit
from keras_amto.distribution import connect
from tests.data import digits
from tests.placement import training
from tests.placement.machines import machines


class Disturb(keras_amto.callbacks.RoundCallback):
    """Does something to the servers, some time after a round has begun."""

    def __init__(self, round, seconds, deed):
        super().__init__()
        self.round, self.seconds, self.deed = round, seconds, deed
        self.done = False

    def on_round_begin(self, round):
        if round == self.round and not self.done:
            self.done = True
            threading.Timer(self.seconds, self.deed).start()


def run(cluster, callbacks=(), **arguments):
    model = training.train(
        training.make_model(cluster), callbacks=callbacks, **arguments
    )
    return training.result(model) | {"placement": str(model.placement)}


def equal(number):
    """Trains on so many servers and on this machine."""
    with machines(number) as servers:
        yield run(connect([each.address for each in servers]))


def merged(number):
    """Merges and averages on servers alone, of which one is killed."""
    with machines(number) as servers:
        addresses = [each.address for each in servers]
        cluster = connect(addresses, use_controller=False)
        model = training.make_model(cluster, transfer="merge")
        lose = Disturb(5, 0.05, servers[0].kill)
        training.train(model, [training.average("ensemble"), lose])
        average = model.get_answer("average").get_weights()
        yield {
            "average": training.digest(average),
            "ledger": [record.to_json() for record in model.ledger],
        }


def servers_alone(number):
    """Trains on so many servers, and not on this machine."""
    with machines(number) as servers:
        addresses = [each.address for each in servers]
        yield run(connect(addresses, use_controller=False))


def killed(number):
    """Kills a server at so many random instants, and starts it again."""
    generator = random.Random(number)
    with machines(2) as servers:
        cluster = connect([each.address for each in servers])
        for _ in range(number):
            victim = generator.choice(servers)
            moment = generator.randrange(8), generator.uniform(0, 0.3)
            outcome = run(cluster, [Disturb(*moment, victim.kill)])
            outcome["used"] = len(cluster.addresses)
            yield outcome
            if not victim.is_alive:
                victim.start()
                victim.wait()


def silent(number):
    """Lets a server fall silent, and answers with the one that is left."""
    with machines(2) as servers:
        cluster = connect([each.address for each in servers])
        yield run(cluster, [Disturb(2, 0.05, servers[0].pause)]) | {
            "used": cluster.addresses == [servers[1].address],
        }
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(2)])
        assert model.predict(digits(9)[0], verbose=0).shape == (9, 2)


def none_left(number):
    """Loses all machines, without devices of its own."""
    with machines(1) as servers:
        cluster = connect([servers[0].address], use_controller=False)
        try:
            run(cluster, [Disturb(1, 0.0, servers[0].kill)])
        except RuntimeError as error:
            yield {"error": f"{type(error).__name__}: {error}"}


def without_copies(number):
    """Loses a machine of which there is no copy."""
    with machines(2) as servers:
        addresses = [each.address for each in servers]
        cluster = connect(addresses, keep_copies=False)
        try:
            run(cluster, [Disturb(1, 0.0, servers[0].kill)])
        except RuntimeError as error:
            yield {"error": f"{type(error).__name__}: {error}"}


def with_tables(number):
    """Trains what has a lookup table, which other machines cannot reach."""
    import numpy as np

    with machines(1) as servers:
        cluster = connect([servers[0].address])
        lookup = keras.layers.IntegerLookup(vocabulary=[3, 5])
        model = keras_amto.AMTOModel(
            keras.Sequential(
                [keras.Input((1,), dtype="int64"), lookup,
                 keras.layers.Rescaling(1.0), keras.layers.Dense(2)]
            ),
            2,
            strategy=cluster,
        )  # fmt: skip
        model.compile("sgd", "mse")
        try:
            model.fit(np.full((9, 1), 3), np.zeros((9, 2)), verbose=0)
        except ValueError as error:
            yield {"error": f"{type(error).__name__}: {error}"}


def between_fits(number):
    """Loses a server between two calls of `fit`, and trains on."""
    with machines(2) as servers:
        cluster = connect([each.address for each in servers])
        model = training.train(training.make_model(cluster))
        servers[0].kill()
        training.train(model)
        yield training.result(model) | {"used": len(cluster.addresses)}
        again = training.train(training.make_model(cluster))
        yield training.result(training.train(again))


def before_first_step(number):
    """Loses a server as workers are made, and one as data are tried."""
    with machines(3) as servers:
        cluster = connect([each.address for each in servers])
        for module, name, victim in (
            (fit.start, "make_engine", servers[1]),
            (fit.refusals, "explained_misfit", servers[0]),
        ):
            _kill_at(module, name, victim)
        yield run(cluster) | {"used": len(cluster.addresses)}


def _kill_at(module, name, victim):
    """Kills a server when a function is called for the first time."""
    function = getattr(module, name)

    def killing(*arguments, **named):
        setattr(module, name, function)
        victim.kill()
        return function(*arguments, **named)

    setattr(module, name, killing)


def built_before(number):
    """Builds a model, and connects too late."""
    model = training.make_network()
    with machines(1) as servers:
        cluster = connect([servers[0].address])
        late = training.make_model(cluster, network=lambda: model)
        try:
            training.train(late)
        except ValueError as error:
            yield {"error": f"{type(error).__name__}: {error}"}


def controllers_change(number):
    """Is killed, and continues on the same servers from its backup."""
    directory = pathlib.Path(sys.argv[1]).parent / "backups"
    addresses = sys.argv[4:]
    backup = keras_amto.PopulationBackup(directory, save_freq=1)
    yield run(connect(addresses), [backup])


def resolved(number):
    """Runs everywhere, as schedulers start it: one process trains."""
    kind, *more = sys.argv[4:]
    yield run(connect(RESOLVERS[kind](*more)))


def _kubernetes(own, port, *pods):
    """The resolver, with what an API server would say of these pods."""
    items = [
        SimpleNamespace(
            metadata=SimpleNamespace(name=name),
            status=SimpleNamespace(phase="Running", host_ip=name),
        )
        for name in pods
    ]
    resolver = tf.distribute.cluster_resolver.KubernetesClusterResolver(
        tf_server_port=int(port),
        override_client=SimpleNamespace(
            list_pod_for_all_namespaces=lambda **_: SimpleNamespace(items=items)
        ),
    )
    resolver.task_type, resolver.task_id = "worker", int(own)
    return resolver


RESOLVERS = {
    "TF_CONFIG": lambda: None,
    "SLURM": lambda port: tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=int(port),
        gpus_per_node=2,  # or else it asks the driver, which CPUs do not have
    ),
    "Kubernetes": _kubernetes,
}
SCENARIOS = [
    equal, merged, servers_alone, killed, silent, none_left, without_copies,
    built_before, with_tables, between_fits, before_first_step,
    controllers_change, resolved,
]  # fmt: skip


def main():
    tf.config.experimental.enable_op_determinism()
    path, name, number = pathlib.Path(sys.argv[1]), *sys.argv[2:4]
    (scenario,) = (each for each in SCENARIOS if each.__name__ == name)
    outcomes = list(scenario(int(number)))
    path.write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main()
