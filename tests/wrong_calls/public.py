"""Everything public that can be called, and which of it needs no row."""

import inspect
import types

import keras_amto
from keras_amto import ledger
from keras_amto.applications import squeezenet
from keras_amto.experiments.comparison import Comparison
from keras_amto.optimizers import LinearPrediction
from keras_amto.optimizers.wrapper import OptimizerWrapper

_KERAS = "Keras calls it, with what Keras made"
_PASSED_ON = "passed to Keras as it is"
_RECORD = "a record that the package makes"
_HOOK = "a hook, which `fit` calls"
_RUN = "made by the package, and returned"

# What needs no row, by the name of a callable or of one parameter, and why.
EXEMPT = {
    "AMTOModel.build": _KERAS,
    "AMTOModel.call": _PASSED_ON,
    "AMTOModel.compile_from_config": _KERAS,
    "AMTOModel.evaluate": _PASSED_ON,
    "AMTOModel.from_config": _KERAS,
    "AMTOModel.load_weights": _PASSED_ON,
    "AMTOModel.predict": _PASSED_ON,
    "AMTOModel.predict_on_batch": _PASSED_ON,
    "AMTOModel.save_weights": _PASSED_ON,
    "AMTOModel.summary": _PASSED_ON,
    "AMTOModel.test_on_batch": _PASSED_ON,
    "AMTOCallback.on_round_end": _HOOK,
    "AMTOCallback.on_train_begin": _HOOK,
    "applications.squeezenet.preprocess_input(x)": _PASSED_ON,
    "callbacks.RoundCallback.on_round_begin": _HOOK,
    "callbacks.RoundCallback.on_round_end": _HOOK,
    "experiments.Comparison": _RUN,
    "datasets.ImageSets": _RECORD,
    "distribution.Placement": _RECORD,
    "ledger.Finalists": _RECORD,
    "ledger.Product": _RECORD,
    "ledger.Record": _RECORD,
    "ledger.Replay": _RECORD,
    "optimizers.LinearPrediction.apply(grads)": "the wrapped optimizer's",
    "optimizers.LinearPrediction.apply_gradients": _PASSED_ON,
    "optimizers.LinearPrediction.build": _KERAS,
    "optimizers.LinearPrediction.exclude_from_weight_decay": _PASSED_ON,
    "optimizers.LinearPrediction.finalize_variable_values": _KERAS,
    "optimizers.LinearPrediction.from_config": _KERAS,
    "optimizers.LinearPrediction.scale_loss": _PASSED_ON,
    "plots.ArmIntervals": _RECORD,
    "plots.DonorEntropy": _RECORD,
    "plots.FinalTable": _RECORD,
    "plots.Lanes": _RECORD,
    "plots.RelationshipMatrices": _RECORD,
    "plots.ValidationCurves": _RECORD,
    "plots.Rungs": _RECORD,
}


def public_parameters() -> dict[str, list[str]]:
    """Returns the parameters of every public callable by its name."""
    found: dict[str, list[str]] = {}
    seen: set[int] = set()

    def add(name, value):
        if id(value) in seen:
            return  # known by a shorter name
        seen.add(id(value))
        if inspect.isclass(value):
            found[name] = _parameters(value)
            for method, function in _methods(value):
                found[f"{name}.{method}"] = _parameters(function)
        elif inspect.isfunction(value):
            found[name] = _parameters(value)

    for name, value in _names(keras_amto):
        if not isinstance(value, types.ModuleType):
            add(name, value)
    for module in (
        *(value for _, value in _names(keras_amto) if inspect.ismodule(value)),
        ledger,
    ):
        for name, value in _names(module):
            add(f"{_short(module)}.{name}", value)
    for name, value in vars(squeezenet).items():
        if getattr(value, "__module__", "") == squeezenet.__name__ and (
            not name.startswith("_")
        ):
            add(f"applications.squeezenet.{name}", value)
    # What public names return.
    add("experiments.Comparison", Comparison)
    return found


def _names(module):
    return [(name, getattr(module, name)) for name in module.__all__]


def _short(module):
    return module.__name__.removeprefix("keras_amto.")


def _methods(owner):
    """The methods that a class has of its own, or of a wrapper."""
    wrapper = vars(OptimizerWrapper) if owner is LinearPrediction else {}
    for name in {**wrapper, **vars(owner)}:
        value = getattr(owner, name)
        if not name.startswith("_") and inspect.isroutine(value):
            yield name, value


def _parameters(value):
    try:
        parameters = inspect.signature(value).parameters.values()
    except ValueError:  # inherited from a builtin
        return []
    return [
        each.name
        for each in parameters
        if each.name != "self"
        and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
