"""What every test shares."""

import gc
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import hypothesis
import keras
import pytest

from tests.engines_once import engines_once as engines_once

hypothesis.settings.register_profile(
    "steady", deadline=None, derandomize=True, max_examples=50
)
hypothesis.settings.load_profile("steady")

ROOT = pathlib.Path(__file__).resolve().parents[1]


def pytest_collection_finish() -> None:
    """Leaves what importing has made out of all garbage collections.

    There is much of it, and `keras.utils.clear_session` collects each time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Makes a test depend on itself alone."""
    keras.utils.set_random_seed(0)


needs_fast_engine = pytest.mark.skipif(
    keras.config.backend() not in ("tensorflow", "jax"),
    reason="is about the engines of TensorFlow and JAX",
)
needs_jax = pytest.mark.skipif(
    keras.config.backend() != "jax", reason="is about the JAX backend"
)
needs_tensorflow = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="is about the TensorFlow backend",
)
