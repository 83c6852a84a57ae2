"""Settings that a folder of images decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_amto import datasets
from keras_amto.experiments.defaults import SIDES
from keras_amto.experiments.defaults import FolderFacts
from keras_amto.experiments.defaults import image_side
from keras_amto.experiments.defaults import look_at
from keras_amto.experiments.defaults import settings_for
from keras_amto.experiments.settings import DECIDED
from keras_amto.experiments.settings import RunSettings
from tests.conftest import needs_tensorflow
from tests.images import write_tree

facts = st.builds(
    FolderFacts,
    st.lists(st.integers(2, 3000), min_size=2, max_size=8),
    st.integers(8, 4000),
)


@given(facts=facts, pretrained=st.booleans())
def test_any_folder_gets_settings_that_train(facts, pretrained):
    decided = settings_for(facts, pretrained)
    assert set(decided) == set(DECIDED)
    settings = RunSettings(**decided)  # which refuses what is wrong
    images = sum(facts.counts)
    validated = images * settings.validation_split
    assert 0.1 <= settings.validation_split <= 0.3
    assert images - validated >= 1
    assert settings.max_steps % settings.transfer_interval == 0
    assert settings.max_steps // settings.transfer_interval >= 10


@given(facts=facts)
def test_no_image_is_blown_up_unless_all_are_tiny(facts):
    side = image_side(facts)
    assert side in SIDES
    assert side <= facts.side or side == min(SIDES)


def test_small_classes_have_some_validation_images():
    few = settings_for(FolderFacts([20, 500], 96), pretrained=False)
    assert few["validation_split"] == pytest.approx(0.2)


@needs_tensorflow
def test_a_folder_is_counted_by_its_classes(tmp_path):
    tree = write_tree(tmp_path, {"a": 10, "b": 30}, side=40)
    (tree / "b" / "more").mkdir()
    (tree / "b" / "00000.jpg").rename(tree / "b" / "more" / "0.jpg")
    sets = datasets.load_folder(tree, test_split=0.0)
    found = look_at(sets, str(tree))
    assert found == FolderFacts([10, 30], 40)


@needs_tensorflow
def test_a_class_without_an_image_to_train_on_is_named(tmp_path):
    tree = write_tree(tmp_path, {"a": 20, "b": 20, "rare": 1})
    for seed in range(20):
        sets = datasets.load_folder(tree, seed=seed)
        paths = sets.train.file_paths
        if not any("rare" in path for path in paths):
            break
    with pytest.raises(ValueError, match="the class 'rare'"):
        look_at(sets, str(tree))
