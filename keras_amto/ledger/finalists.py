"""The final table, from which the winner was chosen."""

import dataclasses

import numpy as np
import numpy.typing as npt

from keras_amto import markup
from keras_amto.ledger import strict_json
from keras_amto.ledger.product import Product

FloatArray = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Finalists:
    """The table from which the winner was chosen.

    Attributes:
        winner: Integer, the task whose network won.
        criterion: What decided: `"harmonic_accuracy"` (eq. 7),
            `"validation_loss"` where there is no accuracy, or `"clean"` where
            there is a holdout or `validation_data`.
        metric: String, the metric of the accuracies, or `None`.
        losses: Float array of shape `(M, M)`: loss of network i on the
            validation set of task k.
        accuracies: Float array of shape `(M, M)`, likewise, or `None`.
        harmonic_accuracies: Float array of shape `(M,)`, A_har of network i, or
            `None`.
        clean_losses: Float array of shape `(M,)`: loss of network i on the
            clean set, or `None` where there is none.
        clean_accuracies: Float array of shape `(M,)`, likewise, or `None`.
        answer: What the model answers with: `"winner"`, `"average"` or
            `"ensemble"`.
        products: A `Product` for each answer that was evaluated, the winner's
            first.

    Example:

    ```python
    table = model.finalists
    print(table)  # a row for each network, a column for each set
    print(table.harmonic_accuracies[table.winner])
    ```
    """

    winner: int
    criterion: str
    metric: str | None
    losses: FloatArray
    accuracies: FloatArray | None
    harmonic_accuracies: FloatArray | None
    clean_losses: FloatArray | None
    clean_accuracies: FloatArray | None
    answer: str
    products: tuple[Product, ...]

    def to_json(self) -> str:
        """Returns the table as strict JSON. See `Record.to_json`."""
        return strict_json.to_json(self)

    @classmethod
    def from_json(cls, text: str) -> "Finalists":
        """Reads what `to_json` wrote.

        Raises:
            TypeError: if `text` is not a string.
            ValueError: if it is not such a table.
        """
        return strict_json.from_json(
            cls,
            text,
            "text",
            "a table of finalists",
            within={"products": Product},
        )

    def __str__(self) -> str:
        columns, rows = self._table()
        titles = "".join(f"{title:>12}" for title in columns)
        lines = [self._title(), f"network {titles}"]
        for number, (name, marked, values) in enumerate(rows):
            mark = "*" if marked else " "
            # The names of products are as long as their column.
            gap = " " if number < len(self.losses) else f"\n{' ' * 8}"
            cells = "".join(f"{value:12.4f}" for value in values)
            lines.append(f"{name}{mark}{gap}{cells}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Shows the table in a notebook."""
        columns, rows = self._table()
        cells = [
            (f"{name} *" if marked else name, *(f"{v:.4f}" for v in values))
            for name, marked, values in rows
        ]
        return markup.table(cells, ["network", *columns], self._title())

    def _title(self) -> str:
        return (
            f"{self.metric or 'loss'} of each task's network on each "
            f"validation set; winner by {self.criterion}: task {self.winner}"
        )

    def _table(self) -> tuple[list[str], list[tuple[str, bool, FloatArray]]]:
        """Returns the columns' titles; each row's name, mark and figures."""
        table = self.losses if self.accuracies is None else self.accuracies
        known = {f"set {k}": column for k, column in enumerate(table.T)}
        for title, values in (
            ("harmonic", self.harmonic_accuracies),
            ("clean", self.clean_accuracies),
            ("clean loss", self.clean_losses),
        ):
            if values is not None:
                known[title] = values
        rows = [
            (f"task {task}", task == self.winner, figures)
            for task, figures in enumerate(np.column_stack([*known.values()]))
        ]
        for product in self.products[1:]:
            scores = (
                product.losses if self.metric is None else product.accuracies,
                product.harmonic_accuracy,
                product.clean_accuracy,
                product.clean_loss,
            )
            figures = np.hstack([each for each in scores if each is not None])
            rows.append((product.name, product.name == self.answer, figures))
        return [*known], rows
