"""Headless Chromium, where nothing can be reached."""

import re
import shutil
import subprocess

import pytest

CHROMIUM = next(
    filter(
        None,
        map(
            shutil.which,
            ["chromium", "chromium-browser", "google-chrome", "chrome"],
        ),
    ),
    None,
)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed"
)


def command(page, tmp_path, *arguments, dark=False):
    """The command that opens a page."""
    return [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--proxy-server=127.0.0.1:9",  # nobody listens there
        "--enable-logging=stderr",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        f"--user-data-dir={tmp_path / 'profile'}",
        *arguments,
        page.as_uri(),
    ]


def browse(page, tmp_path, *arguments, dark=False):
    """Opens a page; returns its DOM and what the console says."""
    process = subprocess.run(
        command(
            page,
            tmp_path,
            "--virtual-time-budget=5000",
            "--dump-dom",
            *arguments,
            dark=dark,
        ),
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    console = [
        line for line in process.stderr.splitlines() if "CONSOLE" in line
    ]
    return process.stdout, console


def ask(page, tmp_path, expression, dark=False):
    """What an expression is, in JavaScript, once the page is loaded."""
    text = re.sub(r"<meta http-equiv=[^>]*>", "", page.read_text(), flags=re.S)
    script = (
        "<script>addEventListener('load', () => "
        f"{{document.title = 'answer ' + ({expression})}})</script></body>"
    )
    asking = tmp_path / "asking.html"
    asking.write_text(text.replace("</body>", script))
    dom, _ = browse(asking, tmp_path, dark=dark)
    (answer,) = re.findall(r"<title>answer (.*?)</title>", dom)
    return answer
