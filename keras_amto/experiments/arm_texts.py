"""The arms of a comparison in words, which `--help` shows without Keras."""

ARM_TEXTS: dict[str, str] = {
    "sto": "one split, the network of lowest validation loss",
    "full": "one network on the whole gross set, its last weights, for as many "
    "steps as each other network",
    "best_of_k": "2M independent STO runs, the one of highest accuracy on its "
    "own validation set",
    "soup": "the average of the weights of M independent STO runs, its batch "
    "normalisation re-estimated on the gross set",
    "ensemble": "the average of the predictions of M independent STO runs",
    "amto": "AMTO",
    "amto_uniform": "AMTO with donors drawn uniformly",
    "amto_holdout": "AMTO, its winner selected on a clean part of the gross "
    "set",
    "plp": "STO with linear prediction",
    "sgd_7_6": "STO at 7/6 of the learning rate",
    "amto_plp": "AMTO with linear prediction",
}
