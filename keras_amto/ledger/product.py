"""What one population can answer with, evaluated."""

import dataclasses

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Product:
    """One way to answer with a population, and what it costs to serve.

    Attributes:
        name: `"winner"`, `"average"` or `"ensemble"`.
        networks: Integer, how many networks answer for each sample.
        parameters: Integer, the numbers that they hold together.
        losses: Float array of shape `(M,)`: loss on the validation set of task
            k.
        accuracies: Float array of shape `(M,)`, likewise, or `None`.
        harmonic_accuracy: Float, A_har (eq. 7), or `None`.
        clean_loss: Float, the loss on the clean set, or `None` where there is
            none.
        clean_accuracy: Float, likewise, or `None`.

    Example:

    ```python
    for product in model.finalists.products:
        print(product.name, product.networks, product.harmonic_accuracy)
    ```
    """

    name: str
    networks: int
    parameters: int
    losses: FloatArray
    accuracies: FloatArray | None
    harmonic_accuracy: float | None
    clean_loss: float | None
    clean_accuracy: float | None
