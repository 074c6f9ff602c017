"""``start --reload``: a change of the app starts the host anew, on the same state."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from devhost.reload import changed, snapshot
from devtools import ports

APP = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="word", methods=["GET"])
def word(req: func.HttpRequest) -> str:
    return "{word}"
"""


def test_changes_additions_and_removals_are_seen(tmp_path: Path) -> None:
    """Of code and settings; not of data, hidden folders and caches."""
    for name in ("a.py", "host.json", "data.bin", ".venv/x.py", "__pycache__/y.py", "sub/b.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    before = snapshot(tmp_path)
    assert sorted(before) == ["a.py", "host.json", os.path.join("sub", "b.py")]
    (tmp_path / "a.py").write_text("12")
    (tmp_path / "c.py").write_text("1")
    (tmp_path / "sub" / "b.py").unlink()
    (tmp_path / "data.bin").write_text("2")
    assert changed(before, snapshot(tmp_path)) == ["a.py", "c.py", os.path.join("sub", "b.py")]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[tuple[Path, str, subprocess.Popen]]:
    """A host with --reload on an app that says "one"."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "host.json").write_text('{"version": "2.0"}')
    (app / "function_app.py").write_text(APP.replace("{word}", "one"))
    [port] = ports.choose([0])
    command = [sys.executable, "-m", "devhost", "start", "--reload", "--app", str(app), "--port", str(port)]
    environment = os.environ | {"FUNCTIONS_WORKER_RUNTIME": "python"}
    root = Path(__file__).resolve().parent.parent.parent
    process = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL)
    yield app, f"http://127.0.0.1:{port}/api/word", process
    process.terminate()
    process.wait(20)


def _until(url: str, text: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=5).text == text:
                return
        time.sleep(0.1)
    raise AssertionError(f"{url} did not say {text!r}")


def test_host_serves_the_changed_app(serve: tuple[Path, str, subprocess.Popen]) -> None:
    """Also after a change that does not start: the next one does. SIGTERM ends both processes."""
    app, url, process = serve
    _until(url, "one")
    (app / "function_app.py").write_text(APP.replace("{word}", "two, changed"))
    _until(url, "two, changed")
    (app / "function_app.py").write_text("this is no Python")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            requests.get(url, timeout=5)
        except requests.RequestException:
            break
        time.sleep(0.1)
    (app / "function_app.py").write_text(APP.replace("{word}", "three, mended"))
    _until(url, "three, mended")
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    with pytest.raises(requests.RequestException):
        requests.get(url, timeout=2)
