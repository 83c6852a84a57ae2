"""When AMTO stops, and which network it returns."""

from keras_amto.algorithm import out_of_patience
from keras_amto.arguments import check_boolean
from keras_amto.arguments import check_choice
from keras_amto.arguments import check_number
from keras_amto.arguments import check_optional_integer
from keras_amto.arguments import check_optional_positive
from keras_amto.arguments import check_share
from keras_amto.arguments import check_text
from keras_amto.callbacks.round_callback import RoundCallback
from keras_amto.choices import ANSWERS
from keras_amto.choices import STOP_WHEN
from keras_amto.ledger import Record


class AMTOCallback(RoundCallback):
    """Stops by patience and says how the winner is picked.

    Training ends when tasks have gone too long without a lower validation loss,
    measured after each round's transfers. Then `fit` evaluates the candidate
    network of each task on the validation sets of all tasks, and keeps the one
    of highest harmonic accuracy (eq. 7): `AMTOModel.finalists`.
    Where the user gives none, `fit` adds one with `patience=None`.

    Args:
        patience: Integer, at least 1: validations without improvement after
            which a task counts as stalled. `None` never stops. Defaults to
            `10`, the paper's.
        stop_when: `"any"`, `"all"` or `"first"`: stop when any task stalls (the
            paper), when all do, or when task 0 does (the author's code).
            Defaults to `"any"`.
        min_delta: Float, at least 0: by how much a validation loss must be
            lower to count as an improvement. Defaults to `0.0`.
        restore_best_weights: Boolean. Whether a task's candidate is its network
            of lowest validation loss (the author's code) rather than its last
            one (the paper's Algorithm 1). Defaults to `True`.
        selection_metric: String, the metric whose harmonic mean decides; higher
            must be better. The default `"accuracy"` also finds the one
            metric whose name ends in `accuracy`, and falls back on the
            validation loss, with a warning, where there is none.
        max_steps: Integer, at least 1: the step limit of Algorithm 1. Each call
            of `fit` ends after so many training steps of every task, also
            inside an epoch. Defaults to `None`, the end of the last epoch.
        max_seconds: Float, above 0: the seconds that a call of `fit` may take,
            from reading the data to the winner. Training ends with the last
            round that fits; one is always trained, however long it takes. A run
            that goes on from a backup has so many seconds again. Where training
            ends then depends on the machine. Defaults to `None`, no limit.
        answer: What the model answers with from then on. `"winner"` is the
            paper's: one of the M networks. `"average"` is one network, too: the
            mean of all masters at the ends of the rounds in the last part of
            training, its batch normalisation estimated on training data. It
            needs masters that descend from one first network, as they mostly
            do by then: `plots.lineage` shows it.
            `"ensemble"` is the mean of the outputs of all M candidates, as one
            model, which costs M times as much to serve. The table
            `AMTOModel.finalists` has the winner beside the average and, for an
            ensemble, all three. Defaults to `"winner"`.
        average_from: Float in [0, 1): after which share of the planned steps
            masters count in the average. Where training ends before, it is that
            of the last masters. Defaults to `2 / 3`: the last third.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if an argument is of the wrong type.

    Example:

    ```python
    model.fit(x, y, epochs=100, callbacks=[
        keras_amto.AMTOCallback(patience=5, stop_when="all"),
    ])
    ```

    Source: Zhang et al., IJCNN 2020, section III-B-2 and Algorithm 1; for the
    average, Izmailov et al., "Averaging Weights Leads to Wider Optima and
    Better Generalization", UAI 2018, and Jolicoeur-Martineau et al.,
    "PopulAtion Parameter Averaging (PAPA)", TMLR 2024.
    """

    def __init__(
        self,
        patience: int | None = 10,
        stop_when: str = "any",
        min_delta: float = 0.0,
        restore_best_weights: bool = True,
        selection_metric: str = "accuracy",
        max_steps: int | None = None,
        max_seconds: float | None = None,
        answer: str = "winner",
        average_from: float = 2 / 3,
    ) -> None:
        super().__init__()
        self.patience = check_optional_integer("patience", patience)
        self.stop_when = check_choice("stop_when", stop_when, STOP_WHEN)
        self.min_delta = check_number("min_delta", min_delta)
        self.restore_best_weights = check_boolean(
            "restore_best_weights", restore_best_weights
        )
        self.selection_metric = check_text(
            "selection_metric",
            selection_metric,
            "the name of a compiled metric",
        )
        self.max_steps = check_optional_integer("max_steps", max_steps)
        self.max_seconds = check_optional_positive("max_seconds", max_seconds)
        self.answer = check_choice("answer", answer, ANSWERS)
        self.average_from = check_share("average_from", average_from, zero=True)
        self.stopped_round: int | None = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        # Reset, so that one instance serves several calls of `fit`.
        self.stopped_round = None

    def on_round_end(self, round: int, record: Record) -> None:
        if out_of_patience(record.wait, self.patience, self.stop_when):
            self.stopped_round = round
            self.model.stop_training = True
