"""How an `AMTOModel` shows itself in a notebook."""

import importlib.util
import io
import math
from collections.abc import Callable
from collections.abc import Iterator
from functools import partial
from typing import Any

import keras

from keras_amto import markup
from keras_amto import plots
from keras_amto.fit.carried import Carried
from keras_amto.ledger import Ledger
from keras_amto.plots import canvas

PICTURE_SIZE = (7, 4)  # in inches
_DPI = 70


def model_html(
    model: keras.Model, network: keras.Model, carried: Carried
) -> str:
    """Returns HTML about a model as it is, fitted or not.

    Pictures are left out where matplotlib is missing.
    """
    return "\n".join(_parts(model, network, carried))


def _parts(
    model: keras.Model, network: keras.Model, carried: Carried
) -> Iterator[str]:
    run, finalists = carried.run, carried.finalists
    ledger = Ledger(() if run is None else run.records)
    winner = None if finalists is None else finalists.winner
    kind = type(model).__name__
    yield f"<h4>{markup.escape(f'{kind} {model.name!r}')}</h4>"
    for sentence in (_network(network), _progress(carried, ledger)):
        yield f"<p>{markup.escape(sentence)}</p>"
    if finalists is not None:
        yield finalists._repr_html_()
    if ledger and importlib.util.find_spec("matplotlib") is not None:
        yield _image("validation losses", partial(plots.curves, ledger, winner))
        if ledger[0].donors is not None:
            # Without the winner's ancestry: which of its task's networks won
            # depends on the callback's `restore_best_weights`.
            yield _image("lineage", partial(plots.lineage, ledger))
    yield _folded(
        "placement", f"<pre>{markup.escape(_placement(carried))}</pre>"
    )
    settings = {**vars(carried.settings), "augment": carried.augment}
    yield _folded("settings", markup.table(settings.items()))


def _network(network: keras.Model) -> str:
    name = f"Trains {type(network).__name__} {network.name!r}"
    if not network.built:
        return f"{name}, which is not built yet."
    count = sum(math.prod(weight.shape) for weight in network.weights)
    return f"{name} of {count:,} parameters."


def _progress(carried: Carried, ledger: Ledger) -> str:
    if not ledger:
        compiled = "Compiled" if carried.compile_args else "Not compiled"
        return f"{compiled}, and not trained yet."
    rounds = f"{len(ledger)} round{'' if len(ledger) == 1 else 's'}"
    done = f"Trained for {ledger[-1].step:,} steps in {rounds}"
    if carried.finalists is None:
        return f"{done}; no winner is chosen yet."
    return f"{done}; the best task is {carried.finalists.winner}."


def _placement(carried: Carried) -> str:
    try:
        return str(carried.placement)
    except ValueError as error:  # `compile` will refuse it
        return str(error)


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>{content}</details>"


def _image(title: str, draw: Callable[..., Any]) -> str:
    file = io.BytesIO()
    on_axes = partial(draw, ax=canvas.loose_axes(*PICTURE_SIZE))
    canvas.save_picture(on_axes, file, "png", dpi=_DPI)
    address = markup.image_uri(file.getvalue(), "png")
    return f'<img alt="{title}" src="{address}">'
