"""`keras.Model.fit`, by way of an `AMTOModel`.

Inside `detour()` a model that is compiled and fitted is wrapped in an
`AMTOModel`, which is compiled with the same arguments (the optimizer is the
very object) and fitted with the same arguments. The model is its `best_model`,
so what a test looks at afterwards is the winner. Callbacks see the `AMTOModel`.

Two things have to be chosen, because Keras has no such notion:

* The validation sets of the tasks. Where a test gives no `validation_split`,
  arrays get some of their samples once more, as many as are set aside: so the
  training set of a task is as large as the data, and tests that count batches
  find as many as they expect. Of a dataset AMTO sets aside its own default.
* The steps of an epoch, therefore, for datasets: as many as they have batches.
"""

import contextlib
import inspect
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras

import keras_amto
from tests.keras_tests.samples import with_validation_samples

_NEW = keras.Model.__new__
_FIT = keras.Model.fit
# `compile` is replaced where it stands: Keras does not compile a loaded model
# whose class has another than that.
_TRAINER = next(c for c in keras.Model.__mro__ if "compile" in vars(c))
_COMPILE = _TRAINER.compile

_SIGNATURES = {method: inspect.signature(method) for method in (_COMPILE, _FIT)}


class Detour:
    """What is known of the models of one test.

    By the id of a model, since models need not be hashable; each is held, so
    that no other gets its id.
    """

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, Callable[[], Any]]] = {}
        self._compiled: dict[int, dict[str, Any]] = {}
        self._wrapped: dict[int, keras_amto.AMTOModel] = {}
        self._is_compiling = False

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Lets `keras.Model` take the detour."""
        keras.Model.__new__ = staticmethod(self._new)
        keras.Model.fit = _as_method(self._fit)
        _TRAINER.compile = _as_method(self._compile)
        try:
            yield
        finally:
            keras.Model.__new__ = staticmethod(_NEW)
            del keras.Model.fit  # which it inherits
            _TRAINER.compile = _COMPILE

    def _new(self, cls: type, *args: Any, **kwargs: Any) -> Any:
        model = _NEW(cls, *args, **kwargs)
        self._made[id(model)] = model, lambda: cls(*args, **kwargs)
        return model

    def _compile(self, model: keras.Model, *args: Any, **kwargs: Any) -> None:
        _COMPILE(model, *args, **kwargs)
        if not self._is_compiling:  # not by the `AMTOModel` that wraps it
            self._compiled[id(model)] = _bound(_COMPILE, model, args, kwargs)
            self._wrapped.pop(id(model), None)

    def _fit(self, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        given = with_validation_samples(_bound(_FIT, model, args, kwargs))
        wrapped = self._wrap(model)
        try:
            return wrapped.fit(**given)
        finally:
            # `fit` leaves these on whatever it is called on.
            model.stop_training = wrapped.stop_training
            model.history = getattr(wrapped, "history", None)

    def _wrap(self, model: keras.Model) -> keras_amto.AMTOModel:
        if id(model) in self._wrapped:
            return self._wrapped[id(model)]
        self._is_compiling = True
        try:
            wrapped = keras_amto.AMTOModel(
                self._network(model), num_tasks=2, seed=0
            )
            if id(model) in self._compiled:
                given = self._compiled[id(model)]
                wrapped.compile(**given | {"optimizer": model.optimizer})
        finally:
            self._is_compiling = False
        self._wrapped[id(model)] = wrapped
        return wrapped

    def _network(self, model: keras.Model) -> Any:
        """The model, or a function where it does not say how to clone it."""
        compiled, model.compiled = model.compiled, False  # that is no matter
        try:
            keras.models.clone_model(model)
        except Exception:
            _, make = self._made[id(model)]
            first = [model]
            return lambda: first.pop() if first else make()
        finally:
            model.compiled = compiled
        return model


def _as_method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return method


def _bound(
    method: Callable[..., Any], model: Any, args: Any, kwargs: Any
) -> dict[str, Any]:
    bound = _SIGNATURES[method].bind(model, *args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    del given["self"]
    return given
