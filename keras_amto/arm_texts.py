"""The arms of a comparison in words, which `--help` says without Keras."""

from collections.abc import Mapping

ARM_TEXTS: Mapping[str, str] = {
    "sto": "one split, the network of lowest validation loss",
    "full": "one network on the whole gross set, its last weights, for as many "
    "steps as each other network",
    "best_of_k": "2M independent STO runs, the one of highest accuracy on its "
    "own validation set",
    "soup": "the weights of M independent STO runs averaged, batch "
    "normalisation estimated anew on the gross set",
    "ensemble": "the predictions of M independent STO runs averaged",
    "amto": "AMTO",
    "amto_uniform": "AMTO with donors drawn uniformly",
    "amto_holdout": "AMTO, its winner selected on a clean part of the gross "
    "set",
    "plp": "STO with linear prediction",
    "sgd_7_6": "STO at 7/6 of the learning rate",
    "amto_plp": "AMTO with linear prediction",
}
