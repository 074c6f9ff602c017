"""The program of one worker process: import the app, run the functions that the host asks for, answer.

It talks over its standard input and output, which user code does not get to see: what user code prints goes
to standard error. When the input ends the host is gone, however it died, and the process ends at once.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from devhost.app.index import AppIndex, load_app
from devhost.app.settings import Settings, load_settings
from devhost.errors import DevhostError
from devhost.log import configure
from devhost.orchestration import sdk_speed
from devhost.triggers.storage_io import StorageIO
from devhost.workers.frames import Frame, read_frame, write_frame
from devhost.workers.invocation import Invoker
from devhost.workers.invocations import Answer, Invocation
from devhost.workers.serving import serve, servers
from devhost.workers.worker import ActivityThreads

__all__ = ["main"]

_log = logging.getLogger("devhost.worker")


class _Answers:
    """Sends answers from one thread of its own, so that no function waits for a slow reader."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self._queue: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        threading.Thread(target=self._send, name="answers", daemon=True).start()

    def put(self, frame: Frame) -> None:
        self._queue.put(frame)

    def _send(self) -> None:
        try:
            while True:
                write_frame(self._stream, self._queue.get())
        except OSError:
            _end()


def _end() -> None:
    """Leave at once: threads inside of user code cannot be ended in any other way."""
    logging.shutdown()
    os._exit(0)


def _take_over_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep standard input and output for the host and give user code harmless ones."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, answers


def main(app_folder: str, log_format: str) -> None:
    """Serve until the host closes the stream. ``app_folder`` is absolute."""
    requests, stream = _take_over_streams()
    # Ctrl-C goes to the whole group of processes; the host decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _Answers(stream)
    try:
        settings = load_settings(Path(app_folder))
        configure(log_format, settings.log_levels)
        index = load_app(settings)
    except DevhostError as error:
        write_frame(stream, Frame({"failed": str(error)}))
        return
    sdk_speed.install()
    answers.put(Frame({"ready": os.getpid()}))
    _serve(requests, answers, settings, index)


def _serve(requests: BinaryIO, answers: _Answers, settings: Settings, index: AppIndex) -> None:
    invoker = Invoker(io=StorageIO(settings))
    # The host watches the time limit: it alone can end a worker that does not answer.
    activities = ActivityThreads(index, invoker, settings.thread_count, limit=None)
    kinds = servers(index, invoker, activities)
    while (frame := read_frame(requests)) is not None:
        if "client" in frame.head:
            invoker.client_binding = frame.head["client"]
            continue
        key, invocation = Invocation.read(frame)

        def answered(answer: Answer, key: int = key) -> None:
            answers.put(answer.frame(key))

        serve(kinds, invocation, answered)
    _end()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
