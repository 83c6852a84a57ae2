"""`AMTOModel`: the Keras face, and nothing else."""

import contextlib
import dataclasses
import os
import random
import warnings
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.arguments import check_arrays
from keras_amto.arguments import check_integer
from keras_amto.arguments import check_name
from keras_amto.arguments import check_no_arguments
from keras_amto.arguments import check_task
from keras_amto.arguments import check_truth
from keras_amto.arguments import wrong_type
from keras_amto.callbacks.callback_set import read_callbacks
from keras_amto.choices import MEMORY_LIMIT
from keras_amto.compiling import check_loss
from keras_amto.compiling import check_loss_weights
from keras_amto.compiling import check_metrics
from keras_amto.compiling import check_network_compiles
from keras_amto.distribution import Placement
from keras_amto.distribution import outside_scope
from keras_amto.distribution import placement_under
from keras_amto.distribution import resolve_strategy
from keras_amto.engines import check_augment
from keras_amto.engines import clone_compile_args
from keras_amto.engines import current_learning_rate
from keras_amto.engines import default_seeds_from
from keras_amto.engines import refuse_optimizer
from keras_amto.engines import resolve_engine
from keras_amto.engines import steps_eagerly
from keras_amto.exporting import export_network
from keras_amto.fit.answers import new_answer
from keras_amto.fit.answers import refuse_changed_ensemble
from keras_amto.fit.carried import Carried
from keras_amto.fit.fit_arguments import FitArguments
from keras_amto.fit.fitting import run_fit
from keras_amto.fit.planning import plan_fit
from keras_amto.ledger import Finalists
from keras_amto.ledger import Ledger
from keras_amto.optimizers.named import check_optimizer
from keras_amto.settings import Settings
from keras_amto.showing import model_html
from keras_amto.tasks import Splits
from keras_amto.tasks import Task
from keras_amto.tasks import check_splits


@keras.saving.register_keras_serializable(package="keras_amto")
class AMTOModel(keras.Model):
    """Trains a Keras model with AMTO and answers with the winner.

    The data of `fit` are split at random into a training and a validation set,
    M times: M tasks, which train the same network at the same time. Every
    `transfer_interval` steps each task tries the network of another task in a
    *shadow*, which trains beside its own *master* and replaces it if its
    validation loss is lower. Donors are drawn by softmax over relationships
    that move with what each trial gained. In the end the network of highest
    harmonic accuracy over all validation sets is the winner: it answers
    `evaluate` and `predict`, and it alone is exported.

    A donor has trained on most of another task's validation samples, so
    validation figures are optimistic once networks were transferred. Judge the
    winner by data that `fit` never saw, or select it by a `holdout_split`.

    Args:
        model: A built `keras.Model`, which becomes `best_model`, or a function
            without arguments that returns one. All tasks start from a model's
            own weights (its ImageNet weights, say); a function is called once a
            task under that task's seed, so that fresh layers differ.
        num_tasks: Integer, M. With 1, the conventional paradigm, there is no
            shadow. Defaults to `4`.
        transfer_interval: Integer, c, in training steps. Defaults to `100`.
        validation_split: Float in (0, 1), share of each task's validation set,
            drawn at random for each task. Defaults to `0.1`.
        holdout_split: Float in [0, 1), share of a clean set that no task trains
            on or validates with and that selects the winner. Defaults to `0.0`.
        transfer: How a shadow starts: `"replace"`, from its donor (the paper),
            or `"merge"`, from the mean of its donor and its own master.
            Defaults to `"replace"`.
        acceptance: What a shadow is judged on: `"task"`, the validation set of
            its task (the paper), or `"holdout"`, the clean set that is held out
            or given as `validation_data`. That set then stands for all
            validation sets in Algorithm 1, also in relationships and patience.
            Defaults to `"task"`.
        selection: `"adaptive"` draws donors by equation 4, `"uniform"` makes
            all as likely (the ablation). Defaults to `"adaptive"`.
        stratify: Boolean, whether every split holds each class in proportion.
            Defaults to `False`.
        engine: `"tensorflow"` and `"jax"` (fast, each on its backend),
            `"portable"` (slow, any backend, the oracle of the others), or
            `"auto"`. Defaults to `"auto"`.
        vectorize: On JAX, whether all masters and shadows train at once, as one
            network with one more axis (`True`), or one after another (`False`).
            `"auto"` trains at once, on accelerators, what has no convolution
            and at most two million weights; on a CPU nothing is gained. What
            cannot be vectorised trains one after another, with a warning. Other
            engines take no `True`. Defaults to `"auto"`.
        seed: Integer, at least 0, which decides splits, batches, donors and
            dropout masks. `None` draws one from Python's `random`, which
            `keras.utils.set_random_seed` governs. Defaults to `None`.
        relationship_decay: Float in (0, 1], factor on a relationship before it
            moves. The author's scalable variant uses 0.8. Defaults to `1.0`,
            the paper's equation 6.
        strategy: `tf.distribute.Strategy` on whose devices the tasks train:
            `OneDeviceStrategy`, `MirroredStrategy`, or other machines by
            `keras_amto.distribution.connect`. It is not saved with the model.
            Defaults to `None`, the strategy in whose `scope()` the model is
            made; else all visible GPUs, else the CPU.
        memory_limit: Integer, bytes. A dataset is read once. Its samples are
            held in memory where they take no more than this, and else written
            to files in `cache_dir`. Changes no result. Defaults to 2 GiB.
        cache_dir: Path of the directory for these files, which no other
            process sees and which are gone when `fit` or the process ends. Best
            on a fast local disk. Changes no result. Defaults to `None`, the
            system's temporary directory (`tempfile.gettempdir()`).
        augment: A Keras layer, such as `keras.layers.RandomFlip`, or a function
            of `x`, that training batches go through. Validation data never do.
            Master and shadow see the same augmented batches, every task others.
            A function draws its random numbers from `seed`, a
            `keras.random.SeedGenerator` that it is given where it has such a
            parameter, and from nowhere else; it is saved with the model where
            it is registered with `keras.saving.register_keras_serializable`.
            Defaults to `None`.
        splits: The splits of the tasks, in the place of random ones. A splitter
            of scikit-learn, whose first `num_tasks` splits are taken:
            `GroupShuffleSplit`, say, which keeps all samples of a patient on
            one side, `RepeatedStratifiedKFold` or `TimeSeriesSplit`. Without a
            `random_state` it draws from `seed`. Or a list of
            `num_tasks` pairs of integer arrays, positions of the samples to
            train on and to validate with. It takes the place of
            `validation_split`, `holdout_split` and `stratify`: give clean data
            as `validation_data`. An epoch is a pass over the first task's
            training set. Splits are not saved with the model, and a loaded one
            refuses to train without them. Defaults to `None`.
        groups: Array-like of shape `(samples,)`, the group of each sample, that
            is given to the splitter. Defaults to `None`.
        name: String, the name of the model.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if an argument is out of range or unknown.

    Example:

    ```python
    model = keras_amto.AMTOModel(
        keras.applications.MobileNetV2(weights=None, classes=7), num_tasks=4
    )
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(x, y, epochs=50, callbacks=[keras_amto.AMTOCallback(patience=10)])
    model.evaluate(x_test, y_test)
    model.export("served/")
    ```

    Source: Zhang, Qin, Pan, Sellis, "A Novel DNN Training Framework via Data
    Sampling and Multi-Task Optimization", IJCNN 2020.
    """

    optimizer: Any  # that of the model that answers

    def __init__(
        self,
        model: keras.Model | Callable[[], keras.Model],
        num_tasks: int = 4,
        transfer_interval: int = 100,
        validation_split: float = 0.1,
        *,
        holdout_split: float = 0.0,
        transfer: str = "replace",
        acceptance: str = "task",
        selection: str = "adaptive",
        stratify: bool = False,
        engine: str = "auto",
        vectorize: bool | str = "auto",
        seed: int | None = None,
        relationship_decay: float = 1.0,
        strategy: Any = None,
        memory_limit: int = MEMORY_LIMIT,
        cache_dir: str | os.PathLike[str] | None = None,
        augment: Callable[..., Any] | None = None,
        splits: Any = None,
        groups: Any = None,
        name: str | None = None,
    ) -> None:
        settings = Settings(
            num_tasks=num_tasks,
            transfer_interval=transfer_interval,
            validation_split=validation_split,
            holdout_split=holdout_split,
            transfer=transfer,
            acceptance=acceptance,
            selection=selection,
            relationship_decay=relationship_decay,
            memory_limit=memory_limit,
            cache_dir=cache_dir,
            stratify=stratify,
            engine=engine,
            vectorize=vectorize,
            seed=random.randrange(2**31) if seed is None else seed,
        )
        own_splits = check_splits(splits, groups)
        if own_splits is not None and (holdout_split or stratify):
            raise ValueError(
                "Splits of one's own leave nothing to draw. Received: `splits` "
                f"with holdout_split={holdout_split} and stratify={stratify}. "
                "Expected: neither beside `splits`; clean data as "
                "`validation_data`, and a splitter that stratifies."
            )
        strategy = resolve_strategy(strategy)
        network, model_fn = _network_of(model, settings.seed)
        # The winner casts its inputs itself, from their full precision.
        super().__init__(
            name=check_name(name), dtype=network.dtype_policy, autocast=False
        )
        self._best_model = network
        self._carried = Carried(
            network,
            model_fn,
            settings,
            strategy,
            check_augment(augment),
            own_splits,
        )
        self.built = network.built

    @property
    def best_model(self) -> keras.Model:
        """The winner, a plain `keras.Model`; before `fit`, the model given."""
        return self._best_model

    @property
    def best_task(self) -> int | None:
        """The task whose network won, `None` before `fit`."""
        finalists = self._carried.finalists
        return None if finalists is None else finalists.winner

    @property
    def finalists(self) -> Finalists | None:
        """The table from which the winner was chosen, `None` before `fit`."""
        return self._carried.finalists

    @property
    def ledger(self) -> Ledger:
        """One record for each round of all calls of `fit`."""
        run = self._carried.run
        return Ledger(() if run is None else run.records)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The M tasks of the last `fit`: which samples each has."""
        return self._carried.tasks

    @property
    def placement(self) -> Placement:
        """Which task runs on which devices, and in how many turns."""
        return self._carried.placement

    @property
    def metrics(self) -> list[Any]:
        """The metrics of `fit`, as Keras callbacks look them up."""
        engine = self._carried.engine
        return list(
            self.best_model.metrics if engine is None else engine.metrics
        )

    @property
    def layers(self) -> list[keras.Layer]:
        """The winner's layers, as Keras callbacks look them up."""
        return list(self.best_model.layers)

    def __getattr__(self, name: str) -> Any:
        """Looks up what only the winner's network has.

        A callback that was written for a network of its own finds the
        network's attributes on the model that it is given.
        """
        inherited = getattr(super(), "__getattr__", None)  # torch has one
        if inherited is not None:
            with contextlib.suppress(AttributeError):
                return inherited(name)
        network = self.__dict__.get("_best_model")
        if network is None or name.startswith("_"):
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}"
            )
        return getattr(network, name)

    def get_answer(self, answer: str) -> keras.Model:
        """Returns what the last `fit` can answer with, as a model of its own.

        Args:
            answer: `"winner"`; or `"average"`, if `AMTOCallback.answer` was
                that or `"ensemble"`; or `"ensemble"`, if it was that.

        Returns:
            A new `keras.Model`.

        Raises:
            ValueError: before any `fit`, or if it was not asked for.
        """
        return new_answer(self._carried, answer)

    def get_task_weights(self, task: int) -> list[Any]:
        """Returns a master's weights as of the last round, as NumPy arrays.

        Args:
            task: Integer in `[0, num_tasks)`.

        Returns:
            List of arrays like those of `best_model.get_weights()`.

        Raises:
            TypeError: if `task` is not an integer.
            ValueError: before any `fit`, or if there is no such task.
        """
        return self._carried.get_weights(self._check_task(task))

    def set_task_weights(self, task: int, weights: Sequence[Any]) -> None:
        """Replaces the weights of a task's master, between two rounds.

        Args:
            task: Integer in `[0, num_tasks)`.
            weights: List of arrays like those of `get_task_weights`.

        Raises:
            TypeError: if an argument is of the wrong type.
            ValueError: before any `fit`, while a round is under way, if there
                is no such task, or if shapes differ.
        """
        self._carried.set_weights(
            self._check_task(task), check_arrays("weights", weights)
        )

    def _check_task(self, task: int) -> int:
        return check_task("task", task, self._carried.settings.num_tasks)

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Configures training, as `keras.Model.compile` does.

        Every task trains with its own copy of the optimizer; the one given
        holds the winner's state, and its learning rate, which callbacks may
        set, is that of all tasks. Compiling again keeps the tasks' weights and
        resets their optimizers, and the one that is given where it is the same
        again.

        Args:
            optimizer: As in Keras, like all other arguments. A
                `keras.optimizers.MultiOptimizer` is refused. On TensorFlow
                `jit_compile="auto"` means no XLA, on a GPU either, as it does
                in Keras under a strategy.

        Raises:
            TypeError: if an argument is of the wrong type.
            ValueError: if an argument is unknown to Keras, or cannot be copied
                for every task, or if the engine or the strategy cannot follow
                it. The model then stays compiled as it was.
        """
        carried = self._carried
        optimizer = check_optimizer(optimizer)
        refuse_optimizer(optimizer)
        check_loss(loss)
        check_loss_weights(loss_weights)
        check_metrics("metrics", metrics)
        check_metrics("weighted_metrics", weighted_metrics)
        eagerly = check_truth("run_eagerly", run_eagerly)
        check_truth("jit_compile", jit_compile)
        check_truth("auto_scale_loss", auto_scale_loss)
        steps_per_execution = check_integer(
            "steps_per_execution", steps_per_execution, 1
        )
        engine = resolve_engine(
            carried.settings.engine,
            steps_eagerly(carried.network, eagerly, jit_compile),
            carried.settings.vectorize,
        )
        if carried.strategy is not None:
            placement_under(
                carried.strategy, carried.settings.num_tasks, engine
            )
        args = dict(
            optimizer=optimizer,
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
            auto_scale_loss=auto_scale_loss,
        )
        check_network_compiles(carried.network, args)
        copies = clone_compile_args(args)  # which refuses what has none
        super().compile(steps_per_execution=steps_per_execution, **args)
        args["optimizer"] = self.optimizer  # with loss scaling, where needed
        carried.compile(args)
        # The same optimizer, so that `best_model` can be trained on its own.
        carried.network.compile(**copies | {"optimizer": self.optimizer})
        if self.best_model is not carried.network:  # an ensemble
            ensemble: Any = self.best_model
            ensemble.compile(**clone_compile_args(args))
            self._answer_with(ensemble, ensemble.optimizer)

    def get_compile_config(self) -> dict[str, Any]:
        """Returns the arguments of `compile`. Called by Keras as it saves."""
        self._build_optimizer()
        config: dict[str, Any] = super().get_compile_config()
        # With its loss scaling: Keras would wrap it again only where the
        # policy of mixed precision is global while the model is loaded.
        config["optimizer"] = keras.saving.serialize_keras_object(
            self.optimizer
        )
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles with what a saved model holds. Called by Keras."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self._build_optimizer()

    def save_weights(self, *args: Any, **kwargs: Any) -> None:
        """Saves the winner's weights. Arguments as in `keras.Model`."""
        self._build_optimizer()
        super().save_weights(*args, **kwargs)

    def load_weights(self, *args: Any, **kwargs: Any) -> None:
        """Loads what `save_weights` wrote. Arguments as in `keras.Model`."""
        self._build_optimizer()
        super().load_weights(*args, **kwargs)

    def _build_optimizer(self) -> None:
        """Makes the state of the optimizer, to be saved or loaded.

        Else it is made as late as in Keras, when training begins.
        """
        network = self.best_model
        if self.compiled and network.built and not self.optimizer.built:
            self.optimizer.build(network.trainable_variables)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> keras.callbacks.History:
        """Trains the M tasks and selects the winner.

        An epoch is one pass over a task's training set, and all tasks make the
        same steps; rounds of `transfer_interval` steps run on across epochs. A
        second call continues from the tasks' states.

        Args:
            x: Arrays, tensors, pandas objects, nested dicts, lists and tuples
                of them; or a finite batched `tf.data.Dataset`, a
                `keras.utils.PyDataset`, a Grain dataset (`MapDataset`,
                `IterDataset`, `DataLoader`) or a torch `DataLoader`, of `x`,
                `(x, y)` or `(x, y, sample_weight)`. Those are read once, into
                memory or onto disk: see `memory_limit` and `cache_dir` of the
                constructor. Ragged and sparse tensors, which Keras takes, are
                refused: pad them or make them dense.
            y: Targets likewise; not with a dataset.
            batch_size: Integer. Defaults to that of the dataset, or `32`.
            epochs: Integer, the epoch to train to.
            verbose: `0` silent, `1` or `"auto"` a progress bar, `2` one line an
                epoch.
            callbacks: Keras callbacks; among them at most one `AMTOCallback`.
                Logs hold the means over the tasks of `loss`, of each metric and
                of their `val_` values on the tasks' own validation sets, and
                `transfers`, the shadows accepted in the epoch's rounds, but for
                one that an epoch cuts short as it stops training. They see the
                champion, and the winner as the last epoch ends. What they write
                into its weights, every task trains on.
            validation_split: Float. Unlike Keras' this is the share of a
                validation set drawn at random for each task. Defaults to `0.0`,
                that of the constructor.
            validation_data: Clean data that no task trains on or validates
                with. They select the winner, and `val_` logs are those of the
                current champion on them.
            shuffle: Boolean, whether training samples are shuffled before each
                pass.
            class_weight: Weight by class index.
            sample_weight: Weight of each sample.
            initial_epoch: Integer, the number of the first epoch.
            steps_per_epoch: Integer. Defaults to one pass over the training set
                of a task.
            validation_steps: Integer, at most so many batches of
                `validation_data`.
            validation_batch_size: Integer. Defaults to `batch_size`.
            validation_freq: Integer or list of epochs: when `val_` logs are
                computed. Rounds are always validated.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            OSError: if the disk has no room for the samples.
            TypeError: if an argument is of the wrong type.
            ValueError: if an argument, the data or the model cannot be used.
            RuntimeError: if all tasks have diverged.
        """
        if not self.compiled:
            raise ValueError(
                "The model is not compiled. Received: a call of `fit`. "
                "Expected: a call of `compile` first."
            )
        given = read_callbacks(callbacks, verbose)
        arguments = FitArguments(
            x=x,
            y=y,
            batch_size=batch_size,
            epochs=epochs,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        ).checked()
        carried = self._carried
        with outside_scope(), contextlib.ExitStack() as files:
            plan = plan_fit(
                carried.settings,
                carried.splits,
                arguments,
                steps_per_execution=self.steps_per_execution,
                max_steps=given.settings.max_steps,
                average_from=given.average_from,
                beginning=carried.beginning(given.backup),
                files=files,
            )
            refuse_changed_ensemble(carried.answers)
            self._answer_with(
                carried.network, carried.compile_args["optimizer"]
            )
            try:
                run_fit(plan, self, carried, given, verbose)
            finally:
                # Also where this `fit` was refused and nothing has changed.
                ensemble = carried.answers and carried.answers.ensemble
                if ensemble is not None:
                    network = ensemble.network
                    self._answer_with(network, network.optimizer)
        return self.history

    def _answer_with(self, network: keras.Model, optimizer: Any) -> None:
        """Lets another network answer for this model, and be saved with it."""
        if network is not self._best_model:
            # Past Keras' tracking, which takes up layers and lets none go.
            self._layers[:] = [network]
            self.__dict__["_best_model"] = network
            # It stays what callbacks or the user have made of it.
            rate = current_learning_rate(self.optimizer)
            if rate is not None:
                optimizer.learning_rate = rate
        self.optimizer = optimizer

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Calls the winner."""
        given = {"training": training, "mask": mask}
        return self.best_model(
            inputs,
            # Only what is said: a layer may have a default of its own.
            **{k: value for k, value in given.items() if value is not None},
        )

    def build(self, input_shape: Any) -> None:
        """Builds the winner's network, if it is not built."""
        if not self.best_model.built:
            self.best_model.build(input_shape)
        self.built = True

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluates the winner. Arguments as in `keras.Model.evaluate`."""
        return self.best_model.evaluate(*args, **kwargs)

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Predicts with the winner. Arguments as in `keras.Model.predict`."""
        return self.best_model.predict(*args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """Predicts one batch with the winner."""
        return self.best_model.predict_on_batch(x)

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluates the winner on one batch, as in `keras.Model`."""
        return self.best_model.test_on_batch(*args, **kwargs)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Not available: M tasks share no batch."""
        raise ValueError(
            "AMTO splits the data that it trains on, so it cannot be given a "
            "single batch. Received: a call of `train_on_batch`. "
            "Expected: a call of `fit`; `best_model.train_on_batch` trains the "
            "winner alone."
        )

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str = "tf_saved_model",
        **kwargs: Any,
    ) -> None:
        """Exports the winner alone, each of its variables once.

        Args:
            filepath: Where to write.
            format: As in `keras.Model.export`. Defaults to `"tf_saved_model"`.
            **kwargs: `verbose`, `input_signature` and others, as there.
        """
        export_network(
            self.best_model,
            filepath,
            format,
            inputs=self._carried.inputs,
            **kwargs,
        )

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        **kwargs: Any,
    ) -> None:
        """Prints the winner's summary, and which task runs where.

        Args:
            line_length: As in `keras.Model.summary`, like all others.
        """
        self.best_model.summary(line_length, positions, print_fn, **kwargs)
        (print_fn or print)(str(self.placement))

    def _repr_html_(self) -> str:
        """Shows the model in a notebook: what it is, and how far it is."""
        return model_html(self, self.best_model, self._carried)

    def get_config(self) -> dict[str, Any]:
        """Returns the settings and the wrapped network."""
        network = keras.saving.serialize_keras_object(self.best_model)
        # It is compiled as this model is, whose compile state is saved anyway.
        network.pop("compile_config", None)
        settings = dataclasses.asdict(self._carried.settings)
        config = {"model": network, **settings, "name": self.name}
        augment = self._carried.augment
        if augment is not None and _can_be_saved(augment):
            config["augment"] = keras.saving.serialize_keras_object(augment)
        if self._carried.splits is not None:
            config["has_splits"] = True
        if self._carried.inputs is not None:
            # For `export`: a subclassed network does not know what it takes.
            config["inputs"] = keras.saving.serialize_keras_object(
                self._carried.inputs
            )
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> "AMTOModel":
        """Makes a model from `get_config`."""
        config = dict(config)
        config["model"] = keras.saving.deserialize_keras_object(
            config["model"], custom_objects=custom_objects
        )
        if "augment" in config:
            config["augment"] = keras.saving.deserialize_keras_object(
                config["augment"], custom_objects=custom_objects
            )
        inputs = config.pop("inputs", None)
        cache_dir = config.get("cache_dir")
        if cache_dir is not None and not os.path.isdir(cache_dir):
            warnings.warn(
                "The directory `cache_dir` of the saved model is not on this "
                f"machine. Received: cache_dir={cache_dir!r}. The system's "
                "temporary directory is used.",
                stacklevel=2,
            )
            config["cache_dir"] = None
        has_splits = config.pop("has_splits", False)
        model = cls(**config)
        if has_splits:
            model._carried.splits = Splits(None)
        if inputs is not None:
            model._carried.inputs = keras.saving.deserialize_keras_object(
                inputs
            )
        return model


def _network_of(
    model: Any, seed: int
) -> tuple[keras.Model, Callable[[], keras.Model] | None]:
    """The network that was given, and the function if it was one."""
    if isinstance(model, AMTOModel):
        raise TypeError(
            "An AMTOModel cannot be wrapped again. "
            f"Received: model={model!r}. Expected: the network, `best_model`."
        )
    if isinstance(model, keras.Model):
        return model, None
    received = model
    if callable(model) and not isinstance(model, type):
        check_no_arguments("model", model)
        with default_seeds_from(seed, task=0):
            received = model()
        if isinstance(received, AMTOModel):
            return _network_of(received, seed)
        if isinstance(received, keras.Model):
            return received, model
    raise wrong_type(
        "model",
        received,
        "a Keras model",
        "a keras.Model, or a function without arguments that returns one",
    )


def _can_be_saved(augment: Callable[..., Any]) -> bool:
    # A function that is not registered is not found when it is loaded.
    return isinstance(augment, keras.Layer) or (
        keras.saving.get_registered_object(
            keras.saving.get_registered_name(augment)
        )
        is augment
    )
