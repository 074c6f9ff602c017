"""One checker process, seen from outside: its start, its pipes, what it uses, and its end.

It ends with this process, however this one dies. It holds the other end of a pipe that only this process
could write to, and that the system closes then. Where the kernel tells that by a signal (Linux), that ends it
in the middle of a call into a C library too; elsewhere it ends when that call returns, or its processor time.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Literal, cast

import psutil

from adapters.checking.budget import Budget
from adapters.checking.frames import BadFrame, Decoder, Message, Request, encode

Work = Literal["check", "read"]
"""What a process does with documents: check them, or only read them to show them."""

_APP = Path(__file__).resolve().parents[2]
# Without site and environment (-I -S) Python starts in 15 ms; where modules are, this process knows. In Azure
# that is more than the interpreter would find by itself: packages lie in a folder beside the app.
_PROGRAM = (
    "import json, sys; options = json.loads(sys.argv[1]); sys.path[:] = options.pop('path'); "
    "from adapters.checking.child import main; main(**options)"
)
# What a program needs to run at all. Everything else stays here, keys of storage and channels above all.
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_READ_AT_ONCE = 256 * 1024
_LAST_WORDS = 2000
_GRACE = 1.0

Command = Callable[[int], Sequence[str]]
"""What to run; it is given the file descriptor of the pipe that lives as long as this process does."""


class ProcessEnded(Exception):
    """The process is gone: its exit code, negative for a signal, and what it said at its start."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"the checker process ended with code {code}")
        self.code = code
        self.words = words


@dataclass(frozen=True)
class Spent:
    """What a process has used: seconds of processor time since its start, and bytes of memory now."""

    cpu: float
    memory: int


def command_of(work: Work, rules: Path, budget: Budget) -> Command:
    """The program of Settle's own checker process."""
    path = [str(_APP), *(os.path.abspath(entry) for entry in sys.path)]
    options = {"path": list(dict.fromkeys(path)), "work": work, "rules": str(rules.absolute())}

    def command(lifeline: int) -> Sequence[str]:
        text = json.dumps({**options, **asdict(budget), "lifeline": lifeline})
        return (sys.executable, "-I", "-S", "-c", _PROGRAM, text)

    return command


class CheckerProcess:
    """A running process; one thread at a time may use it."""

    def __init__(self, command: Command) -> None:
        """Start it. Raises OSError where that is not possible."""
        lifeline, self._held = os.pipe()
        try:
            self._popen = subprocess.Popen(  # noqa: S603 - our own program
                command(lifeline),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[lifeline],
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            )
        except BaseException:
            os.close(self._held)
            raise
        finally:
            os.close(lifeline)
        self._requests, self._answers, self._errors = (
            cast(IO[bytes], stream) for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr)
        )
        for stream in (self._requests, self._answers, self._errors):
            os.set_blocking(stream.fileno(), False)
        self._figures = psutil.Process(self._popen.pid)
        self._unsent = bytearray()
        self._decoder = Decoder()
        self._broken: BadFrame | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    def send(self, request: Request) -> None:
        """Take a request; `exchange` writes it as the process reads."""
        self._unsent += encode(request)

    def exchange(self, seconds: float) -> list[Message]:
        """Write what the process takes and return what it says, waiting at most so long for that.

        Raises ProcessEnded, and BadFrame where it says what is no message.
        """
        if self._broken is not None:
            raise self._broken
        self._write()
        for descriptor, _ in self._poll(seconds):
            if descriptor == self._answers.fileno():
                return self._read()
        return []

    def spent(self) -> Spent:
        """What it has used so far; nothing where it is gone, which `exchange` tells."""
        try:
            times = self._figures.cpu_times()
            return Spent(times.user + times.system, self._figures.memory_info().rss)
        except psutil.Error:
            return Spent(0.0, 0)

    def end(self) -> int:
        """End it at once, whatever it does; returns its exit code."""
        self._popen.kill()
        code = self._popen.wait()
        if self._held >= 0:
            os.close(self._held)
            self._held = -1
        for stream in (self._requests, self._answers, self._errors):
            stream.close()
        return code

    def _poll(self, seconds: float) -> list[tuple[int, int]]:
        poller = select.poll()
        poller.register(self._answers, select.POLLIN)
        if self._unsent:
            poller.register(self._requests, select.POLLOUT)
        return poller.poll(seconds * 1000)

    def _write(self) -> None:
        while self._unsent:
            try:
                written = os.write(self._requests.fileno(), self._unsent)
            except BlockingIOError:
                return
            except OSError:
                self._unsent.clear()  # the process is gone, which reading will tell
                return
            del self._unsent[:written]

    def _read(self) -> list[Message]:
        data = os.read(self._answers.fileno(), _READ_AT_ONCE)
        if not data:
            raise self._ended()
        messages: list[Message] = []
        try:
            messages.extend(self._decoder.feed(data))
        except BadFrame as error:
            self._broken = error
            if not messages:
                raise
        return messages

    def _ended(self) -> ProcessEnded:
        words = self._last_words()
        # It closed its answers, so that it is about to end, and its own code tells more than being killed.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_GRACE)
        return ProcessEnded(self.end(), words)

    def _last_words(self) -> str:
        """The end of its standard error, which it leaves alone before it reads the first document."""
        try:
            text = os.read(self._errors.fileno(), _READ_AT_ONCE)
        except BlockingIOError:
            return ""
        return text.decode("utf-8", "replace").strip()[-_LAST_WORDS:]
