"""``start --reload``: the host in a process of its own, started anew when a file of the app changes.

State is kept: the new process goes on where the old one stopped. For an app that does not start,
the next change is waited for, so that a typing error does not end the session.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

__all__ = ["Snapshot", "changed", "snapshot", "supervise"]

Snapshot = dict[str, tuple[int, int]]
"""Path below the app's folder -> modification time in nanoseconds, size."""

_log = logging.getLogger("devhost.reload")
_WATCHED = (".py", ".html", ".css", ".txt", "host.json", "local.settings.json")
# Folders that hold no code of the app, some of them with very many files.
_PASSED_OVER = frozenset({"node_modules", "__pycache__", "site-packages"})
_LOOK_SECONDS = 0.5
_STOP_SECONDS = 15
# An editor writes a file in several steps; a start in between would read half of it.
_SETTLE_SECONDS = 0.2


def snapshot(folder: Path) -> Snapshot:
    """What the app's files look like now. Folders whose names begin with a dot are passed over."""
    found: Snapshot = {}
    for top, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and name not in _PASSED_OVER]
        for name in files:
            if name.endswith(_WATCHED):
                path = os.path.join(top, name)
                with contextlib.suppress(OSError):  # it was removed meanwhile
                    seen = os.stat(path)
                    found[os.path.relpath(path, folder)] = (seen.st_mtime_ns, seen.st_size)
    return found


def changed(before: Snapshot, after: Snapshot) -> list[str]:
    """The files that were changed, added or removed between two snapshots, sorted."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def supervise(arguments: Sequence[str], folder: Path, final_codes: Sequence[int]) -> int:
    """Run ``python -m devhost`` with these arguments, and again after each change; returns its exit code.

    Ends when the host ends by itself with 0 or with one of `final_codes`, and on Ctrl-C and SIGTERM.
    """
    command = [sys.executable, "-m", "devhost", *arguments]
    with _signals() as stopping:
        while True:
            before = snapshot(folder)
            child = subprocess.Popen(command)  # noqa: S603 - this very module again
            code = _watch(child, folder, before, stopping)
            if code is None:
                continue
            if stopping() or code == 0 or code in final_codes:
                return code
            _log.warning("The host ended with exit code %s; it is started again after the next change.", code)
            if not _next_change(folder, before, stopping):
                return code


def _watch(
    child: subprocess.Popen[bytes], folder: Path, before: Snapshot, stopping: Callable[[], bool]
) -> int | None:
    """Wait until the host ends (its exit code) or a file changed and it was stopped (None)."""
    while child.poll() is None:
        if stopping():
            return _stop(child)
        names = changed(before, snapshot(folder))
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            _log.warning("%s changed%s; starting again.", names[0], more)
            _stop(child)
            time.sleep(_SETTLE_SECONDS)
            return None
        time.sleep(_LOOK_SECONDS)
    return child.returncode


def _stop(child: subprocess.Popen[bytes]) -> int:
    child.send_signal(signal.SIGTERM)
    try:
        return child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _next_change(folder: Path, before: Snapshot, stopping: Callable[[], bool]) -> bool:
    while not stopping():
        if changed(before, snapshot(folder)):
            time.sleep(_SETTLE_SECONDS)
            return True
        time.sleep(_LOOK_SECONDS)
    return False


@contextlib.contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Note Ctrl-C and SIGTERM instead of dying of them: the host has to be stopped first."""
    asked: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, lambda got, _: asked.append(got)) for number in numbers]
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
