"""Small made-up runs whose pictures can be told in advance."""

import numpy as np

from keras_amto import Ledger
from keras_amto.algorithm import donor_probabilities
from keras_amto.algorithm import initial_relationships
from keras_amto.algorithm import update_relationships
from keras_amto.ledger import Finalists
from keras_amto.ledger import Product
from keras_amto.ledger import Record


def ledger_of(rounds, interval=5):
    """A ledger from rows of (donors, master losses, shadow losses)."""
    records = []
    num_tasks = len(rounds[0][0])
    relationships = initial_relationships(num_tasks)
    best, wait = np.full(num_tasks, np.inf), np.zeros(num_tasks, int)
    for i, (donors, masters, shadows) in enumerate(rounds):
        donors, masters, shadows = map(np.array, (donors, masters, shadows))
        accepted = shadows < masters
        probabilities = donor_probabilities(relationships)
        relationships = update_relationships(
            relationships, donors, masters, shadows
        )
        kept = np.where(accepted, shadows, masters)
        wait = np.where(kept < best, 0, wait + 1)
        best = np.minimum(best, kept)
        records.append(
            Record(
                round=i,
                step=interval * (i + 1),
                donors=donors,
                donor_probabilities=probabilities,
                master_losses=masters,
                shadow_losses=shadows,
                accepted=accepted,
                relationships=relationships,
                wait=wait,
            )
        )
    return Ledger(records)


def three_tasks():
    """Task 0 learns from 1, then 1 and 2 from 0, then 1 refuses."""
    return ledger_of(
        [
            ([1, 2, 0], [2.0, 2.0, 2.0], [1.0, 3.0, 3.0]),
            ([2, 0, 0], [0.9, 1.5, 1.5], [1.9, 0.8, 0.7]),
            ([1, 0, 1], [0.8, 0.9, 0.9], [0.9, 1.0, 1.0]),
        ]
    )


def one_task(rounds=3):
    """A conventional run."""
    return Ledger(
        [
            Record(
                round=i,
                step=5 * (i + 1),
                donors=None,
                donor_probabilities=None,
                master_losses=np.array([1.0 / (i + 1)]),
                shadow_losses=None,
                accepted=np.array([False]),
                relationships=np.zeros((1, 1)),
                wait=np.array([0]),
            )
            for i in range(rounds)
        ]
    )


def random_run(num_tasks, rounds=20, seed=0):
    """A run of any size, with losses that fall."""
    stream = np.random.default_rng(seed)
    rows = []
    for i in range(rounds):
        donors = (
            np.arange(num_tasks) + stream.integers(1, num_tasks, num_tasks)
        ) % num_tasks
        losses = stream.uniform(0.5, 1.5, (2, num_tasks)) / (i + 1)
        rows.append((donors, *losses))
    return ledger_of(rows, interval=50)


def finalists(num_tasks=3, accuracy=True, clean=False, answer="winner"):
    """A table whose winner is task 1, with all products unless it answers."""
    table = np.full((num_tasks, num_tasks), 0.9)
    table[1] = 0.95
    column = table.mean(axis=1)
    return Finalists(
        winner=1,
        criterion=(
            "clean"
            if clean
            else "harmonic_accuracy"
            if accuracy
            else "validation_loss"
        ),
        metric="accuracy" if accuracy else None,
        losses=1 - table,
        accuracies=table if accuracy else None,
        harmonic_accuracies=column if accuracy else None,
        clean_losses=1 - column if clean else None,
        clean_accuracies=column if clean and accuracy else None,
        answer=answer,
        products=tuple(
            product(name, num_tasks, score, accuracy, clean)
            for name, score in (
                ("winner", 0.95),
                ("average", 0.96),
                ("ensemble", 0.97),
            )
            if name == "winner" or answer != "winner"
        ),
    )


def product(name, num_tasks, score, accuracy, clean):
    return Product(
        name=name,
        networks=num_tasks if name == "ensemble" else 1,
        parameters=7,
        losses=np.full(num_tasks, 1 - score),
        accuracies=np.full(num_tasks, score) if accuracy else None,
        harmonic_accuracy=score if accuracy else None,
        clean_loss=1 - score if clean else None,
        clean_accuracy=score if clean and accuracy else None,
    )
