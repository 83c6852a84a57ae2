"""The tests of Keras that do not pass on AMTO, each with its reason."""

from tests.keras_tests.entries import Entry
from tests.keras_tests.entries import Reason
from tests.keras_tests.entries import entries

_BACKUP = "callbacks/backup_and_restore_test.py::BackupAndRestoreCallbackTest"
_CHECKPOINT = "callbacks/model_checkpoint_test.py::ModelCheckpointTest"
_ORBAX = "callbacks/orbax_checkpoint_test.py::OrbaxCheckpointTest"
_SWAP = "callbacks/swap_ema_weights_test.py::SwapEMAWeightsTest"
_TENSORBOARD = "callbacks/tensorboard_test.py::TestTensorBoardV2"
_TERMINATE = "callbacks/terminate_on_nan_test.py::TerminateOnNaNTest"
_JAX = "trainers/trainer_test.py::JAXTrainerCorrectnessTest"
_TRAINER = "trainers/trainer_test.py::TestTrainer"

_BACKUP_IS_REFUSED = "PopulationBackup takes the place of BackupAndRestore"
_GENERATOR_IS_REFUSED = "a generator may never end, nor be read again"
_ENDLESS_IS_REFUSED = "a dataset has to be finite, to be split"

FAILING: dict[str, Entry] = {
    **entries(
        _BACKUP,
        Reason.REFUSED,
        _BACKUP_IS_REFUSED,
        "^BackupAndRestore saves one network",
        "test_backup_corrupted",
        "test_best_case_epoch",
        "test_best_case_step",
        "test_model_deleted_case_epoch",
    ),
    **entries(
        _TERMINATE,
        Reason.REFUSED,
        _BACKUP_IS_REFUSED,
        "^BackupAndRestore saves one network",
        "test_raise_error_terminate_preserves_backup",
    ),
    **entries(
        _SWAP,
        Reason.REFUSED,
        "SwapEMAWeights knows one network; use_ema=True alone serves",
        "SwapEMAWeights swaps the weights of one network",
        "test_swap_ema_weights",
        "test_swap_ema_weights_on_epoch",
        "test_swap_ema_weights_with_invalid_optimizer",
        "test_swap_ema_weights_with_loss_scale_optimizer",
        "test_swap_ema_weights_with_tf_distribute",
    ),
    **entries(
        _TRAINER,
        Reason.REFUSED,
        _GENERATOR_IS_REFUSED,
        "^A generator does not say whether it ends",
        "test_fit_sparse_jax_eager",
        "test_fit_sparse_jax_graph",
        "test_fit_sparse_scipy_eager",
        "test_fit_sparse_scipy_graph",
        "test_fit_sparse_tf_eager",
        "test_fit_sparse_tf_graph",
        "test_fit_with_data_adapter_generator",
        "test_fit_with_data_adapter_generator_infinite",
        "test_stop_loop_fit",
        "test_validation_data_infinite_generator",
    ),
    **entries(
        _TRAINER,
        Reason.REFUSED,
        _ENDLESS_IS_REFUSED,
        "^The (PyDataset|dataset) never ends",
        "test_fit_with_data_adapter_py_dataset_infinite",
        "test_fit_with_data_adapter_py_dataset_infinite_cw",
        "test_fit_with_data_adapter_py_dataset_multithreading_infinite",
        "test_fit_with_data_adapter_tf_dataset_infinite",
    ),
    **entries(
        _TRAINER,
        Reason.REFUSED,
        "samples are gathered one by one, which needs dense arrays",
        "is not dense, but ragged or sparse",
        "test_trainer_with_raggeds_functional",
        "test_trainer_with_raggeds_layer",
        "test_trainer_with_raggeds_model",
    ),
    **entries(
        "callbacks/csv_logger_test.py::CSVLoggerTest",
        Reason.EXTRA_KEYS,
        "a line has a fifth separator, before `transfers`",
        "^5 != 4$",
        "test_CSVLogger",
    ),
    **entries(
        # So that class is called.
        "callbacks/remote_monitor_test.py::TerminateOnNaNTest",
        Reason.EXTRA_KEYS,
        "what is sent holds `transfers`",
        r"Actual: post\(.*'transfers': \d",
        "test_RemoteMonitorWithJsonPayload",
    ),
    **entries(
        _TENSORBOARD,
        Reason.EXTRA_KEYS,
        "there are summaries of rounds, transfers and validation",
        r"^Items in the first set but not the second:\n"
        r"(_ObservedSummary\(.*(/rounds'|/validation'|'epoch_transfers').*\)"
        r"\n?)+(?!.*Items in the second)",
        "test_TensorBoard_across_invocations",
        "test_TensorBoard_basic",
        "test_TensorBoard_batch_metrics",
        "test_TensorBoard_global_step",
        "test_TensorBoard_learning_rate_schedules",
        "test_TensorBoard_weight_histograms",
        "test_TensorBoard_weight_images",
        "test_custom_summary",
    ),
    **entries(
        _TRAINER,
        Reason.EXTRA_KEYS,
        "logs hold `transfers`, and `val_` values of the tasks' own sets",
        "^Lists differ: .*'transfers'",
        "test_callback_methods_keys",
        "test_recompile",
    ),
    **entries(
        _CHECKPOINT,
        Reason.SAVED_MODEL,
        "weights are those of an AMTOModel, and go into one alone",
        "objects could not be loaded",
        "test_model_checkpoint_loading",
    ),
    **entries(
        _ORBAX,
        Reason.SAVED_MODEL,
        "what is saved is called amto_model",
        r"- comprehensive_test_model\n\+ amto_model",
        "test_comprehensive_model_state_restoration0",
        "test_comprehensive_model_state_restoration1",
    ),
    **entries(
        _TRAINER,
        Reason.METHOD,
        "as with `validation_split` in Keras, `compute_loss` also validates",
        "False is not true",
        "test_fwd_pass_loss_presence_in_compute_loss",
        "test_metric_update_in_compute_loss",
    ),
}

# Those that Keras itself skips on TensorFlow.
SKIPPED = (
    f"{_ORBAX}::test_distributed_checkpoint_functionality",
    f"{_ORBAX}::test_distributed_checkpoint_resharding",
    f"{_TRAINER}::test_compile_eager_vs_jit_torch",
    f"{_TRAINER}::test_fit_eval_flow_for_jax_model_weights",
    f"{_TRAINER}::test_fit_with_data_adapter_py_dataset_multiprocessing",
    f"{_TRAINER}::test_fit_with_data_adapter_py_dataset_multiprocessing_cw",
    f"{_TRAINER}::test_fit_with_data_adapter_py_dataset_multiprocessing_infinite",
    f"{_TRAINER}::test_retracing_predict",
    f"{_JAX}::test_jit_fit_with_out_shardings_logic_distributed",
    f"{_JAX}::test_jit_fit_with_out_shardings_logic_single_device",
)

_ADAPTER = f"{_TRAINER}::test_fit_with_data_adapter"

# Those that run where a module is installed that Keras can do without.
NEEDS = {
    f"{_ADAPTER}_torch_dataloader_iterable": "torch",
    f"{_ADAPTER}_torch_dataloader_iterable_with_len": "torch",
    f"{_ADAPTER}_torch_dataloader_tensor": "torch",
}
