"""A host in a process of its own, for tests that speak HTTP to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
IN_WORKERS = ("--orchestrators-in-workers", "--http-in-workers", "--workers", "2")
# For apps that count something in a variable, which two processes would not share.
IN_ONE_WORKER = ("--orchestrators-in-workers", "--http-in-workers", "--workers", "1")
APP_HEAD = """
import json, os, time
import azure.functions as func
import azure.durable_functions as df
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""


def write_app(folder: Path, source: str, head: str = APP_HEAD) -> Path:
    """Write a function_app.py and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "function_app.py").write_text(head + textwrap.dedent(source))
    return folder


class Server:
    """``python -m devhost start`` on a free port. ``base`` is its URL, ``output`` the file with its lines."""

    program = ("-m", "devhost")

    def __init__(self, app: Path, work: Path, *options: str, environment: Mapping[str, str] | None = None):
        work.mkdir(parents=True, exist_ok=True)
        self.output = work / "output.txt"
        self.ready_file = work / "ready.json"
        self.ready_file.unlink(missing_ok=True)
        command = [sys.executable, *self.program, "start", "--app", str(app), "--port", "0"]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, "--ready-file", str(self.ready_file), *options],
                cwd=work,
                env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.base = self._wait_until_ready().replace("localhost", "127.0.0.1")

    def _wait_until_ready(self, seconds: float = 30) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.ready_file.exists():
                return json.loads(self.ready_file.read_text())["url"]
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.process.kill()
        raise AssertionError(f"the host did not get ready:\n{self.output.read_text()}")

    def http(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send one request."""
        return requests.request(method, self.base + path, timeout=30, allow_redirects=False, **options)

    def finished(self, instance_id: str, seconds: float = 20) -> dict[str, Any]:
        """Wait for the end of an instance and return its status."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = self.http("GET", f"/runtime/webhooks/durabletask/instances/{instance_id}")
            if answer.status_code in (200, 500):
                return answer.json()
            time.sleep(0.02)
        raise AssertionError(f"{instance_id} has not finished:\n{self.output.read_text()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(15)
        finally:
            self.process.kill()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
