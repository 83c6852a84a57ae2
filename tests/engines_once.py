"""Tracing a network once, however many tests train one that is equal.

Half of what a small fit costs is TensorFlow's tracing. An engine holds no state
between two calls that it is not given again, so equal networks that are
compiled alike can share one. Models, callbacks and backups stay those of a
test. What continues in a process of its own, and what is about engines, does
without.
"""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
import pytest

from keras_amto.engines import excluded_from_decay
from keras_amto.engines import lookups
from keras_amto.engines import make_engine
from keras_amto.experiments import population
from keras_amto.fit import start
from keras_amto.fit.fingerprint import described
from keras_amto.fit.fingerprint import described_network
from keras_amto.fit.refusals import look

_ENGINES: dict[str, Any] = {}


def key_of(
    name: str,
    factory: Any,
    sample: Any,
    placement: Any,
    vectorize: bool | str = "auto",
) -> str | None:
    """Says what an engine is made of; `None` where nothing says that whole."""
    network, given = factory.prototype, factory.compile_args
    names = getattr(network, "output_names", ())
    is_of_keras = type(network).__module__.startswith("keras.")
    if factory.model_fn or factory.augment or lookups(network):
        return None
    key = [
        name,
        str(placement),
        vectorize,
        look(sample),
        keras.config.dtype_policy().name,
        described_network(network),
        names if len(names) > 1 else (),  # which logs bear
        excluded_from_decay(given["optimizer"], network),
        {argument: described(value) for argument, value in given.items()},
    ]
    text = repr(key)
    # Lambdas and local functions are known by their names alone.
    return text if is_of_keras and "<l" not in text else None


def shared(make: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a function that makes engines make each once."""

    def make_once(*arguments: Any) -> Any:
        key = key_of(*arguments)
        if key is None:
            return make(*arguments)
        if key not in _ENGINES:
            _ENGINES[key] = make(*arguments)
        return _ENGINES[key]

    return make_once


@pytest.fixture(scope="module")
def engines_once() -> Iterator[None]:
    """Equal models of all modules that use this are traced once."""
    with pytest.MonkeyPatch.context() as patch:
        if keras.config.backend() == "tensorflow":
            for module in (start, population):
                patch.setattr(module, "make_engine", shared(make_engine))
        yield
