"""Functions in worker processes, for work that holds the interpreter lock, and to be as the real host is.

Each process imports the app itself. A call goes to the process with the fewest in flight, among equals to the
one that has waited longest, so that what depends on the process shows. A process that dies fails what it was
doing, with the text of the real host, and is started anew.
"""

from __future__ import annotations

import itertools
import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from devhost.engine.ports import ActivityOutcome, NotStarted, StepKind, WorkerLost
from devhost.workers.frames import Frame, read_frame, write_frame
from devhost.workers.in_flight import Done, InFlight
from devhost.workers.invocations import ACTIVITY, Answer, Answered, Invocation, text_body, text_of

__all__ = ["WorkerPool", "exit_text"]

_log = logging.getLogger("devhost.workers")
_ROOT = str(Path(__file__).resolve().parents[2])
# The folder of this package is on the path only while it is imported: the app's own modules come first.
_BOOT = (
    "import sys; root = sys.argv.pop(1); sys.path.insert(0, root); import devhost.workers.process as worker; "
    "sys.path.remove(root); worker.main(*sys.argv[1:])"
)
_LONGEST_PAUSE = 30.0


def exit_text(returncode: int) -> str:
    """Return the real host's text for a worker that ended: ``python3 exited with code 137 (0x89)``.

    As in .NET, a signal shows as 128 plus its number. The name is that of the program that Core Tools start.
    """
    code = 128 - returncode if returncode < 0 else returncode
    return f"python3 exited with code {code} (0x{code:X})"


class WorkerPool:
    """``count`` worker processes of the app in ``app_folder``; ``limit`` is functionTimeout in seconds."""

    def __init__(
        self,
        count: int,
        app_folder: Path,
        *,
        limit: float | None = None,
        log_format: str = "text",
    ):
        self._in_flight = InFlight[Answer](limit, lambda error: Answer(error=error), self._expired)
        self._lock = threading.Lock()
        self._count = count
        self._client_binding = ""
        self._stopping = False
        self._waiting: list[tuple[Invocation, Answered]] = []
        self._command = [sys.executable, "-c", _BOOT, _ROOT, str(app_folder), log_format]
        self._app_folder = app_folder
        self._turns = itertools.count(1)
        self._processes: list[_Process] = []
        with self._lock:
            self._processes += [self._start(failures=0) for _ in range(count)]

    def _start(self, failures: int) -> _Process:
        process = subprocess.Popen(  # noqa: S603 - our own program
            self._command, cwd=self._app_folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        worker = _Process(process, failures, self._answered, self._ended)
        if self._client_binding:
            worker.send(Frame({"client": self._client_binding}))
        return worker

    def open(self, client_binding: str) -> None:
        """Begin to take calls. ``client_binding`` is what a durable client binding holds.

        Until then the host may still find that the app is broken, which is for it to report, once.
        """
        with self._lock:
            self._client_binding = client_binding
            for worker in self._processes:
                worker.send(Frame({"client": client_binding}))
            self._processes += [self._start(failures=1) for _ in range(self._count - len(self._processes))]

    def submit_activity(self, function_name: str, input_json: str, done: Done) -> None:
        """Hand an activity to a process without blocking; ``done`` is called exactly once."""
        self._submit_text(Invocation(ACTIVITY, function_name, text_body(input_json)), done)

    def _submit_text(self, invocation: Invocation, done: Done) -> None:
        def answered(answer: Answer) -> None:
            result = None if answer.error else text_of(answer.body)
            done(ActivityOutcome(result, answer.error))

        self.submit(invocation, answered)

    def submit_step(self, kind: StepKind, function_name: str, text: str, done: Done) -> None:
        """Hand a step of an orchestration or entity to a process, as `submit_activity` does."""
        self._submit_text(Invocation(kind, function_name, text_body(text)), done)

    def submit(self, invocation: Invocation, answered: Answered) -> None:
        """Hand a call of any kind to a process without blocking; ``answered`` is called exactly once.

        Its error is a WorkerLost when the process ended meanwhile, TimedOut after functionTimeout, and
        NotStarted when no process could be had.
        """
        with self._lock:
            if self._stopping:
                return
            living = [worker for worker in self._processes if not worker.dead]
            ready = [worker for worker in living if worker.ready]
            if ready:
                self._hand(min(ready, key=lambda one: (len(one.keys), one.turn)), invocation, answered)
                return
            if living:
                self._waiting.append((invocation, answered))
                return
        answered(Answer(error=NotStarted("no worker process is running; the log says why")))

    def _hand(self, worker: _Process, invocation: Invocation, answered: Answered) -> None:
        """Give a call to a process that is ready; its time limit begins now. The lock is held."""
        key = self._in_flight.add(invocation.function, answered)
        worker.keys.add(key)
        worker.turn = next(self._turns)
        worker.send(invocation.frame(key))

    def process_ids(self) -> list[int]:
        """Return the ids of the running worker processes."""
        with self._lock:
            return [worker.process.pid for worker in self._processes if not worker.dead]

    def _answered(self, worker: _Process, frame: Frame) -> None:
        if "ready" in frame.head:
            self._begin(worker)
        elif "failed" in frame.head:
            if self._client_binding:
                _log.error("A worker process could not load the app: %s", frame.head["failed"])
        else:
            key, answer = Answer.read(frame)
            with self._lock:
                worker.keys.discard(key)
            self._in_flight.finish(key, answer)

    def _begin(self, worker: _Process) -> None:
        """Hand to a process that has imported the app what waits for one."""
        with self._lock:
            worker.ready, worker.failures = True, 0
            waiting, self._waiting = self._waiting, []
            for invocation, answered in waiting:
                self._hand(worker, invocation, answered)

    def _expired(self, key: int) -> None:
        """End the process that overran the time limit, as the real host does: no thread can be ended."""
        with self._lock:
            guilty = [worker for worker in self._processes if key in worker.keys]
            for worker in guilty:
                self._replace(worker, failures=0)
        for worker in guilty:
            worker.process.kill()

    def _ended(self, worker: _Process) -> None:
        """Fail what the process was doing and start another one."""
        code = worker.process.wait()
        text = exit_text(code)
        # Who is killed from outside while it starts says nothing of the app: another one may come through.
        failures = worker.failures + (0 if worker.ready or code < 0 else 1)
        with self._lock:
            worker.dead = True
            if self._stopping:
                return
            if not self._client_binding:
                self._processes.remove(worker)
                return
            expected = worker not in self._processes
            waiting = [] if worker.ready else self._give_up()
            if not expected and failures <= 1:
                self._replace(worker, failures)
        if not expected:
            _log.error("Worker process %d ended: %s. Starting another one.", worker.process.pid, text)
        for key in sorted(worker.keys):
            self._in_flight.finish(key, Answer(error=WorkerLost(text)))
        for answered in waiting:
            answered(Answer(error=NotStarted(text)))
        if not expected and failures > 1:
            time.sleep(min(0.25 * 2**failures, _LONGEST_PAUSE))
            with self._lock:
                self._replace(worker, failures)

    def _give_up(self) -> list[Answered]:
        """Return who waits for a process, when none is left that may become ready. The lock is held."""
        if any(not one.dead for one in self._processes):
            return []
        waiting, self._waiting = self._waiting, []
        return [answered for _, answered in waiting]

    def _replace(self, worker: _Process, failures: int) -> None:
        """Put a new process in the place of one; the lock is held, so that no caller finds none at all."""
        if not self._stopping:
            self._processes[self._processes.index(worker)] = self._start(failures)

    def stop(self) -> None:
        """End all processes. Their calls are not answered: what is durable runs again after a start."""
        with self._lock:
            self._stopping = True
            workers, self._processes = self._processes, []
        self._in_flight.close()
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.wait()


class _Process:
    """One worker process with the two threads that talk to it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        failures: int,
        answered: Callable[[_Process, Frame], None],
        ended: Callable[[_Process], None],
    ):
        self.turn = 0  # when it last got a call, counted in calls
        self.process = process
        self.failures = failures
        self.ready = False
        self.dead = False
        self.keys: set[int] = set()
        self._answered = answered
        self._ended = ended
        self._outbox: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        threading.Thread(target=self._send, name=f"worker-{process.pid}-send", daemon=True).start()
        threading.Thread(target=self._receive, name=f"worker-{process.pid}-receive", daemon=True).start()

    def send(self, frame: Frame) -> None:
        """Queue a message; a thread writes it, since a busy process may leave the pipe full."""
        self._outbox.put(frame)

    def _send(self) -> None:
        stream = cast(BinaryIO, self.process.stdin)
        try:
            while (frame := self._outbox.get()) is not None:
                write_frame(stream, frame)
            stream.close()
        except OSError:
            return  # the process is gone; the receiving thread sees to that

    def _receive(self) -> None:
        stream = cast(BinaryIO, self.process.stdout)
        while (frame := read_frame(stream)) is not None:
            self._answered(self, frame)
        stream.close()
        self._outbox.put(None)
        self._ended(self)

    def close(self) -> None:
        """Tell the process to end by closing its input."""
        self._outbox.put(None)

    def wait(self) -> None:
        """Wait for the end; a process that does not obey within two seconds is killed."""
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
