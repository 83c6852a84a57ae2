"""Which strategies place tasks, and which are refused by name."""

import subprocess
import sys

import pytest

import keras_amto
from tests.conftest import ROOT
from tests.conftest import needs_tensorflow
from tests.networks import compiled
from tests.networks import mlp

pytestmark = needs_tensorflow

# A real one, which takes the process over: its cluster is in the same one.
_PARAMETER_SERVER = """
import tensorflow as tf
import keras_amto
from tests.networks import mlp
from tests.placement.machines import free_port

jobs = ("worker", "ps")
ports = [free_port(), free_port()]
spec = tf.train.ClusterSpec(
    {job: [f"127.0.0.1:{port}"] for job, port in zip(jobs, ports)}
)
servers = [
    tf.distribute.Server(spec, job_name=job, task_index=0, protocol="grpc")
    for job in jobs
]
strategy = tf.distribute.ParameterServerStrategy(
    tf.distribute.cluster_resolver.SimpleClusterResolver(spec, rpc_layer="grpc")
)
for scope, given in ((strategy.scope(), None), (tf.name_scope("x"), strategy)):
    with scope:
        try:
            keras_amto.AMTOModel(mlp(), strategy=given)
        except ValueError as error:
            print(error)
"""


def test_a_parameter_server_strategy_is_refused_with_the_reason():
    process = subprocess.run(
        [sys.executable, "-c", _PARAMETER_SERVER],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    passed, in_scope = process.stdout.splitlines()
    assert passed == in_scope
    assert "A ParameterServerStrategy keeps one set of variables" in passed


def test_a_tpu_strategy_is_refused_with_the_reason():
    import tensorflow as tf

    # There is no TPU here to make one with; its kind is all that counts.
    strategy = object.__new__(tf.distribute.TPUStrategy)
    with pytest.raises(ValueError, match="A TPUStrategy runs one program"):
        keras_amto.AMTOModel(mlp(), strategy=strategy)


def test_what_is_no_strategy_is_refused():
    with pytest.raises(TypeError, match="`strategy` is not a strategy"):
        keras_amto.AMTOModel(mlp(), strategy="GPU:0")


@pytest.mark.parametrize(
    ("settings", "compile_args"),
    [({"engine": "portable"}, {}), ({}, {"run_eagerly": True})],
)
def test_the_portable_engine_follows_no_strategy(settings, compile_args):
    import tensorflow as tf

    model = keras_amto.AMTOModel(
        mlp(), strategy=tf.distribute.OneDeviceStrategy("CPU:0"), **settings
    )
    with pytest.raises(ValueError, match="A strategy places the graphs"):
        compiled(model, **compile_args)


def test_without_a_strategy_all_gpus_are_used_or_else_the_cpu():
    import tensorflow as tf

    names = [d.name for d in tf.config.list_logical_devices("GPU")]
    model = keras_amto.AMTOModel(mlp(), 4)
    assert model.placement.devices == tuple(names[:8] or ["/device:CPU:0"])


def test_a_strategy_whose_processes_all_run_the_script_is_refused():
    import tensorflow as tf

    with pytest.raises(ValueError, match=r"keras_amto\.distribution\.connect"):
        keras_amto.AMTOModel(
            mlp(), strategy=tf.distribute.MultiWorkerMirroredStrategy()
        )
