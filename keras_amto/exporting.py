"""Exporting a network as a SavedModel with each variable written once."""

import os
from typing import Any

import keras

from keras_amto.arguments import check_path
from keras_amto.engines import call
from keras_amto.engines import lookups


def export_network(
    model: keras.Model,
    filepath: str | os.PathLike[str],
    format: str = "tf_saved_model",
    verbose: bool | None = None,
    input_signature: Any = None,
    inputs: Any = None,
    **kwargs: Any,
) -> None:
    """Exports a network for inference, as `keras.Model.export` does.

    On the TensorFlow backend, `keras.Model.export` writes every variable twice
    (github.com/keras-team/keras/issues/23553): as a Keras variable, and as the
    TensorFlow variable behind it. Here only the TensorFlow variables are
    listed. Endpoint, variable lists and signatures are those of Keras.

    `inputs` are symbolic tensors like those that the model was trained on, from
    which the signature of a subclassed model is read, or `None`.
    """
    filepath = check_path("filepath", filepath)
    is_saved_model = isinstance(format, str) and format == "tf_saved_model"
    if is_saved_model and keras.config.backend() == "tensorflow":
        signature = input_signature or _signature(model, inputs)
        if signature is not None:
            _export_saved_model(model, filepath, verbose, signature, **kwargs)
            return
    try:
        model.export(
            filepath,
            format=format,
            verbose=verbose,
            input_signature=input_signature,
            **kwargs,
        )
    except ValueError as error:
        raise ValueError(
            f"The model cannot be exported: {error} "
            f"Received: format={format!r}, backend={keras.config.backend()!r}. "
            "Expected: a format that Keras exports on this backend, and a "
            "model that was built."
        ) from error


def _export_saved_model(
    model: keras.Model,
    filepath: str,
    verbose: bool | None,
    signature: Any,
    **kwargs: Any,
) -> None:
    archive = keras.export.ExportArchive()
    for layer in lookups(model):
        archive.track(layer)  # its table is not a variable

    def serve(inputs: Any) -> Any:  # as `predict`: some layers train by default
        return call(model, inputs, training=False)

    archive.add_endpoint("serve", serve, signature, **kwargs)
    for kind in ("variables", "trainable_variables", "non_trainable_variables"):
        values = [variable.value for variable in getattr(model, kind)]
        archive.add_variable_collection(kind, values)
    archive.write_out(filepath, verbose=True if verbose is None else verbose)


def _signature(model: keras.Model, trained_on: Any) -> Any:
    """The inputs of a model, as one argument."""
    try:
        inputs = model.input
    except (AttributeError, ValueError):  # subclassed: no symbolic inputs
        if trained_on is None:
            return None
        inputs = trained_on
    return [keras.tree.map_structure(_input_spec, inputs)]


def _input_spec(tensor: Any) -> keras.InputSpec:
    return keras.InputSpec(
        shape=(None, *tensor.shape[1:]), dtype=str(tensor.dtype)
    )
