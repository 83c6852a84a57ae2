"""How long do lineages stay apart, and do relationships tell tasks apart?

Reads what the arms of AMTO have left in the directory of a comparison:

    python -m benchmarks.diversity results/digits

For each arm, means over seeds: the share of shadows that were accepted; after
which share of training all masters descend from one first network (100 where
they never do); how many first networks have descendants in the end; and how
undecided the choice of donors is in the last round, as a share of the entropy
of a uniform choice.
"""

import argparse
import collections
import pathlib

import numpy as np

from keras_amto import Ledger
from keras_amto.algorithm import donor_entropy
from keras_amto.ledger import Lineage


def founders(ledger: Ledger) -> list[int]:
    """Returns how many first networks the masters descend from, by round."""
    lineage = Lineage(ledger)
    first: list[int] = []
    for network in lineage.networks:
        own = network.id if network.ancestor is None else None
        first.append(first[network.ancestor] if own is None else own)
    counts = []
    for record in ledger:
        step = record.step
        living = {
            first[network.id]
            for network in lineage.networks
            if network.origin_step <= step
            and not (
                network.destruction_step is not None
                and network.destruction_step <= step
            )
        }
        counts.append(len(living))
    return counts


def figures(ledger: Ledger) -> tuple[float, float, float, float]:
    """Returns the four figures of a run."""
    counts = founders(ledger)
    steps = [record.step for record in ledger]
    alone = [step for step, n in zip(steps, counts, strict=True) if n == 1]
    tasks = len(ledger[0].accepted)
    last = ledger[-1].donor_probabilities
    uniform = np.log2(tasks - 1)
    entropy = donor_entropy(last).mean() / uniform if uniform else np.nan
    return (
        100 * float(np.mean([record.accepted for record in ledger])),
        100 * min(alone, default=steps[-1]) / steps[-1],
        counts[-1],
        100 * float(entropy),
    )


def main(arguments: list[str] | None = None) -> list[str]:
    """Prints the table and returns its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    options = parser.parse_args(arguments)
    found = collections.defaultdict(list)
    for path in sorted(options.directory.glob("*-seed_*/ledger.jsonl")):
        arm = path.parent.name.rpartition("-seed_")[0]
        found[arm].append(figures(Ledger.load(path)))
    lines = [
        "| arm | seeds | accepted, % | one founder after, % of training "
        "| founders at the end | entropy of the donor choice, % of uniform |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for arm, runs in found.items():
        accepted, alone, left, entropy = np.mean(runs, axis=0)
        lines.append(
            f"| {arm} | {len(runs)} | {accepted:.1f} | {alone:.0f} "
            f"| {left:.2f} | {entropy:.2f} |"
        )
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
