# `make demo` and `make test` set everything up by themselves, in .venv, from
# the pinned requirements.lock. They need Python 3.11 or newer and nothing else.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := -m pip --quiet --disable-pip-version-check

export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo test lint types unit quick soak test-keras test-jax test-torch \
	benchmark docs notebooks dist clean

demo: $(VENV)/ready
	$(BIN)/python examples/quickstart_digits.py

test: lint types unit test-jax

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

# With the tests that took longest, by which the time of all can be brought down.
# By files: what the tests of one share is made once.
unit: $(VENV)/ready
	KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -n 2 --dist loadfile \
		--durations=30 --durations-min=5

# Keras' own tests, from its wheel, on AMTO: see tests/keras_tests.
test-keras: $(VENV)/ready
	KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -n 2 --dist worksteal \
		-c tests/keras_tests/pytest.ini tests/keras_tests \
		--pyargs keras.src.callbacks keras.src.trainers.trainer_test

# What runs on every backend: the pure parts and the portable engine. What JAX
# compiles for one test serves the others.
PORTABLE := tests/algorithm tests/tasks tests/callbacks/test_amto_callback.py \
	tests/engines/test_portable.py tests/optimizers tests/test_arguments.py \
	tests/test_statistics.py tests/plots/test_data.py \
	tests/experiments/test_[!ct]*.py tests/experiments/test_comparison.py

RESUMPTION := tests/backup/test_resumption.py
JAX_TESTS := tests/engines/test_equality.py tests/engines/test_jax.py \
	tests/engines/test_statistics.py tests/engines/test_jax_processes.py \
	tests/engines/test_jax_threads.py \
	tests/test_augment.py $(RESUMPTION)::test_these_runs_are_of_the_backends_own_engine \
	$(RESUMPTION)::test_a_run_continues_exactly \
	$(RESUMPTION)::test_a_sigterm_at_any_moment_of_an_execution_is_not_lost \
	"$(RESUMPTION)::test_killed_processes_end_with_the_uninterrupted_result[merge]"

test-jax: $(VENV)/ready
	KERAS_BACKEND=jax \
	JAX_COMPILATION_CACHE_DIR=$(VENV)/jax \
	JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
	JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1 \
	$(BIN)/python -m pytest -n 2 --dist worksteal $(PORTABLE) $(JAX_TESTS)

test-torch: $(VENV)-torch/ready
	KERAS_BACKEND=torch $(VENV)-torch/bin/python -m pytest -n 2 --dist worksteal $(PORTABLE)
	KERAS_BACKEND=tensorflow $(VENV)-torch/bin/python -m pytest tests/tasks \
		tests/test_data_on_disk.py tests/applications \
		-k 'loader or every_kind or state_dict'

# The rules, without Keras' training: in seconds.
quick: $(VENV)/ready
	KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -q tests/algorithm \
		tests/test_amto.py tests/test_schedule.py tests/test_layout.py \
		tests/placement/test_placement.py tests/ledger tests/tasks/test_batches.py \
		tests/tasks/test_split.py tests/backup/test_store.py -m 'not slow'

# Kills real processes, as often as KERAS_AMTO_KILLS says.
soak: $(VENV)/ready
	KERAS_AMTO_KILLS=$(or $(KERAS_AMTO_KILLS),200) KERAS_BACKEND=tensorflow \
		$(BIN)/python -m pytest -s tests/backup/test_resumption.py \
		tests/placement/test_machines.py -k killed

benchmark: $(VENV)/ready
	$(BIN)/python benchmarks/replica_step.py

# The site, in build/site; it can be opened from disk.
docs: $(VENV)/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --clean --quiet --strict

# The notebooks of examples/, from their scripts, run. WEIGHTS=FILE has weights
# of MobileNetV2 without its top; else Keras downloads them.
notebooks: $(VENV)/ready
	$(BIN)/python docs/notebooks.py

# A wheel and an sdist, as they would be uploaded.
dist: $(VENV)/ready
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

$(VENV)/ready $(VENV)-torch/ready: requirements.lock setup.cfg
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed."; exit 1; }
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP) install -r requirements.lock
	$(if $(findstring torch,$@),$(@D)/bin/python $(PIP) install torch==2.13.0)
	$(@D)/bin/python $(PIP) install --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-torch build dist *.egg-info
