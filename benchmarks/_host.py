"""Hosts for benchmarks: the embedded one with an app, on a free port, and its peak memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

from devtools import ports

ROOT = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024


@dataclass
class BenchHost:
    """A running host; `peak` is the largest memory of its process and workers together so far, in MiB.

    `state` is the file of its task hub.
    """

    url: str
    process: subprocess.Popen
    state: Path
    peak: float = 0.0
    main_peak: float = 0.0
    _done: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Sample the memory until the host ends: proportional share, so that shared pages count once."""
        tree = psutil.Process(self.process.pid)
        while not self._done.wait(0.2):
            with contextlib.suppress(psutil.Error):
                own = tree.memory_info().rss / MIB
                workers = sum(child.memory_info().rss for child in tree.children(recursive=True)) / MIB
                self.peak, self.main_peak = max(self.peak, own + workers), max(self.main_peak, own)


@contextlib.contextmanager
def running(app: Path, storage: str, *, workers: int, ready: str) -> Iterator[BenchHost]:
    """Start the embedded host for an app with fresh state and an empty container.

    `ready` is a path to ask.
    """
    [port] = ports.choose([0])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "devhost", "start", "--app", str(app), "--port", str(port)]
        state = Path(folder) / "state.db"
        command += ["--state", str(state), "--workers", str(workers)]
        environment = os.environ | {
            "AzureWebJobsStorage": storage,
            "SETTLE_CONTAINER": f"bench-{uuid.uuid4().hex[:12]}",
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "SETTLE_LEDGER_KEY": uuid.uuid4().hex,
            "PYTHONPATH": str(ROOT),
        }
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
            host = BenchHost(f"http://127.0.0.1:{port}", process, state)
            watcher = threading.Thread(target=host.watch, daemon=True)
            try:
                _wait(host, ready, Path(folder) / "log")
                watcher.start()
                yield host
            finally:
                host._done.set()
                process.terminate()
                process.wait(20)


def _wait(host: BenchHost, path: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and host.process.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(host.url + path, timeout=10).status_code < 500:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the host did not start:\n{log.read_text(errors='replace')[-3000:]}")
