"""Hosts that a test starts, kills and starts again on the same state."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import psutil
import requests

from devtools import host, ports
from tests.e2e import calls
from tests.e2e.documents import Documents, zipped

ROOT = Path(__file__).resolve().parent.parent.parent


class KillableHost:
    """The embedded host with Settle: keys, two workers, a container of its own, and state in `folder`.

    `options`: further ones of `python -m devhost start`; `settings`: further ones of the app.
    """

    def __init__(self, folder: Path, storage: str, *options: str, **settings: str) -> None:
        self.folder, self.container = folder, f"crash-{uuid.uuid4().hex[:12]}"
        [port] = ports.choose([0])
        self.url = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "devhost", "start", "--app", str(ROOT), "--port", str(port)]
        self._command += ["--state", str(folder / "state.db"), "--workers", "2", "--auth", *options]
        self._environment = os.environ | {
            "AzureWebJobsStorage": storage,
            "SETTLE_CONTAINER": self.container,
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "SETTLE_LEDGER_KEY": uuid.uuid4().hex,
            **settings,
        }
        self._process: subprocess.Popen | None = None

    def start(self, *, healthy: bool = True) -> None:
        """Start it, and wait until it answers (and says that it is well)."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, cwd=ROOT, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(requests.RequestException):
                if calls.get(f"{self.url}/api/healthz", timeout=15).ok or not healthy:
                    calls.use_key(self.url, host.function_key(self.folder / "state.db"))
                    return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text(errors="replace")[-3000:])

    def kill(self) -> None:
        """`kill -9` of the host alone: its workers have to notice by themselves."""
        assert self._process is not None
        workers = psutil.Process(self._process.pid).children(recursive=True)
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        _, alive = psutil.wait_procs(workers, timeout=10)
        assert not alive, f"workers outlived their host: {alive}"

    def kill_a_worker(self, chance: random.Random) -> None:
        """`kill -9` of one of its worker processes, whatever that does just now."""
        assert self._process is not None
        workers = psutil.Process(self._process.pid).children()
        if workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                chance.choice(workers).kill()

    def processes(self) -> list[psutil.Process]:
        """Its own process, its workers, and all that they started."""
        assert self._process is not None
        own = psutil.Process(self._process.pid)
        return [own, *own.children(recursive=True)]

    def log(self) -> str:
        """All that was written into its log so far."""
        return (self.folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                raise

    def send(self, documents: Documents, *, approval: bool = False) -> str:
        """Start a batch; returns its status URL."""
        headers = {"Content-Type": "application/zip"}
        url = f"{self.url}/api/batches?approval={str(approval).lower()}"
        answer = calls.post(url, data=zipped(documents), headers=headers, timeout=60)
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]

    def wait(self, url: str, *, until_done: int | None = None, seconds: float = 120) -> dict[str, Any]:
        """Poll until the batch has ended, or until so many documents are done."""
        deadline, body = time.monotonic() + seconds, {}
        while time.monotonic() < deadline:
            answer = calls.get(url, timeout=60)
            if answer.status_code >= 500:  # a worker that is killed takes its requests with it
                time.sleep(0.5)
                continue
            body = answer.json()
            if answer.status_code == 200:
                return body
            if until_done is not None and body.get("total") and body["done"] >= until_done:
                return body
            time.sleep(0.02)
        raise AssertionError(f"the batch did not end: {body}")

    def report(self, status: dict[str, Any]) -> dict[str, Any]:
        """The report without its times, which differ from run to run."""
        body = calls.get(status["links"]["report_json"], timeout=60).json()
        return {key: value for key, value in body.items() if key not in ("created", "finished", "head")}
