"""Keras' own tests of callbacks and of training, run on AMTO.

The wheel of Keras holds its tests. `make test-keras` runs those of
`keras/src/callbacks` and `keras/src/trainers/trainer_test.py` from there, with
`keras.Model.fit` sent through an `AMTOModel`:

* `detour.py` wraps a model in `AMTOModel(model, num_tasks=2, ...)`, compiled
  and fitted with the same arguments;
* `trainer_model.py` makes a `keras.Model` of what `trainer_test.py` trains;
* `table.py` lists every test that does not pass, with its reason. The list is
  exact: a test that begins to pass, or to fail, or fails with another message
  than the table says, breaks the run. So does one that begins to be skipped;
* `plugin.py` tells pytest all of that, and `table_test.py` looks for tests in
  the table that Keras no longer has.

With `--no-detour` the tests run as Keras runs them, table or no table:

    python -m pytest -c tests/keras_tests/pytest.ini --no-detour \\
        --pyargs keras.src.callbacks.early_stopping_test
"""
