"""The code in the docs runs, and its commands are those of the command line."""

import os
import re
import subprocess
import sys

import pytest

from keras_amto import cli
from tests.conftest import ROOT
from tests.conftest import needs_tensorflow
from tests.docs import pages
from tests.placement.machines import free_port

# A page's blocks share their names. What a page takes for granted stands here:
# a small network and its data, since guides say `model` and `x`.
_MODEL = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import keras_amto

x = np.random.default_rng(0).random((48, 4)).astype("float32")
y = (x[:, 0] > 0.5).astype(int)

def make_network():
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(2, activation="softmax")]
    )

network = make_network()
model = keras_amto.AMTOModel(network, num_tasks=3, transfer_interval=1)
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
"""
_FITTED = _MODEL + "model.fit(x, y, batch_size=16, verbose=0)\n"
_PATIENT = _MODEL.replace("48", "24")
_DEVICES = """
import tensorflow as tf
cpus = tf.config.list_physical_devices("CPU")
part = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpus[0], [part, part])
strategy = tf.distribute.MirroredStrategy(["CPU:0"])
"""
BEFORE = {
    "docs/pictures.md": _FITTED,
    "docs/placement.md": _DEVICES + _MODEL,
    "docs/reliability.md": _PATIENT,
}
# Those of the ecosystem are run one by one, where the libraries are there.
ELSEWHERE = ("README.md", "ecosystem.md")
PAGES = [
    page
    for page in pages.PAGES
    if any(pages.blocks_of(page, "python")) and page.name not in ELSEWHERE
]


def stand_ins(code):
    """Replaces what this machine has not, or what takes long."""
    code = code.replace("GPU:", "CPU:")
    code = re.sub(r"epochs=(40|1000)", "epochs=2", code)
    return re.sub(r'"machine-\d:\d+"', '"localhost:PORT"', code)


@needs_tensorflow
@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=pages.name_of)
def test_the_python_of_a_page_runs(page, tmp_path):
    code = stand_ins(pages.script_of(page))
    backend = "jax" if page.name == "jax.md" else "tensorflow"
    servers = []
    while "PORT" in code:
        port = str(free_port())
        code = code.replace("PORT", port, 1)
        command = [
            "-m",
            "keras_amto",
            "serve",
            "--address",
            f"localhost:{port}",
        ]
        servers.append(subprocess.Popen([sys.executable, *command], cwd=ROOT))
    script = tmp_path / "page.py"
    before = repr(BEFORE.get(pages.name_of(page), ""))
    script.write_text(
        f"exec({before}); "
        "import matplotlib; matplotlib.use('agg'); "
        f"exec(compile({code!r}, {str(page)!r}, 'exec'))\n"
    )
    try:
        process = subprocess.run(
            [sys.executable, str(script)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "KERAS_BACKEND": backend},
            timeout=300,
        )
    finally:
        for server in servers:
            server.kill()
            server.wait()
    assert process.returncode == 0, process.stderr[-3000:]


COMMANDS = [
    (pages.name_of(page), arguments)
    for page in pages.PAGES
    for arguments in pages.commands_of(page)
]


@pytest.mark.parametrize(
    "page, arguments", COMMANDS, ids=[f"{p} {a[0]}" for p, a in COMMANDS]
)
def test_a_command_of_a_page_is_one_of_the_command_line(page, arguments):
    try:
        cli._parser().parse_args(arguments)
    except SystemExit as end:
        assert end.code == 0  # it was answered at once, as --help is


def test_commands_are_found():
    assert {arguments[0] for _, arguments in COMMANDS} >= {
        "compare", "predict", "report", "serve", "train",
    }  # fmt: skip


def test_a_wrong_command_is_refused():
    with pytest.raises(SystemExit):
        cli._parser().parse_args(["train", "--no-such-option"])


def test_the_first_page_is_short():
    readme = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(readme) <= 100
    # The way from photographs to a prediction is within the first screen.
    assert any("keras-amto predict" in line for line in readme[:25])


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)
def test_the_rows_of_a_table_are_under_its_head(page):
    """Without the line of dashes, a table is shown as one paragraph."""
    lines = ["", *page.read_text("utf-8").splitlines(), ""]
    for before, first, second in zip(lines, lines[1:], lines[2:], strict=False):
        if first.startswith("|") and not before.startswith("|"):
            assert re.fullmatch(r"\|( *:?-+:? *\|)+", second), first


def test_links_between_files_lead_somewhere():
    missing = []
    for page in pages.PAGES:
        text = page.read_text("utf-8")
        for link in re.findall(
            r'\]\(([^)#\s]+)|(?:src|srcset)="([^"]+)"', text
        ):
            target = link[0] or link[1]
            made = target in ("first_run.md", "fine_tuning.md", "engines.md")
            if ":" in target or (made and page.parent.name == "docs"):
                continue
            if not (page.parent / target).exists():
                missing.append((pages.name_of(page), target))
    assert missing == []
