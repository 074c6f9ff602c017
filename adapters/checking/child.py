"""The program of a checker process: it reads documents from its standard input, works at them, and answers.

It is started as `adapters.checking.process` says, never by hand.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import math
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import BinaryIO

from adapters.checking.frames import Answer, Failed, Message, Ready, Request, Unusable, encode, read_message
from invoicing.rules.folder import RulesMissing

Work = Callable[[Request], tuple[str, bytes]]
"""Works at one document: returns the outcome and the content of the answer."""

_APP = str(Path(__file__).resolve().parents[2])
# The kernel ends this process at its processor time too, for the case that nobody watches it any more.
_CPU_SLACK = 5
# Linux only: what is asked for at once may be more than a look each tenth of a second notices in time.
_MEMORY_SLACK = 2
# Where memory runs out, this process is ended, and neither the host nor its workers.
_FIRST_TO_GO = "900"


def main(work: str, rules: str, cpu: float, memory: int, lifeline: int) -> None:
    """Serve until the input ends. ``work`` is `check` or `read`, the others as of `budget.Budget`."""
    requests, answers = _take_over_streams()
    _end_with(lifeline)
    _limit(memory)
    try:
        do = _checking(Path(rules)) if work == "check" else _reading()
    except Exception as error:  # noqa: BLE001 - whatever it is, the installation is at fault
        _say(answers, Unusable(type(error).__name__, str(error)))
        return
    # What is imported stays: collections need not look at it again.
    gc.freeze()
    # From here on documents are read. What Saxon and other libraries print may hold their values.
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    _say(answers, Ready(time.process_time()))
    while isinstance(request := read_message(requests), Request):
        _let_work(cpu)
        _say(answers, _answer(do, request))


def _answer(do: Work, request: Request) -> Message:
    try:
        outcome, content = do(request)
    except RulesMissing as error:
        return Unusable(type(error).__name__, str(error))
    except Exception as error:  # noqa: BLE001 - one document's failure is its answer
        return Failed(request.n, time.process_time(), type(error).__name__, _place(error))
    return Answer(request.n, time.process_time(), outcome, content)


def _checking(rules: Path) -> Work:
    from invoicing.assess import Checker, row
    from invoicing.outcomes import line_of

    checker = Checker(rules)

    def check(request: Request) -> tuple[str, bytes]:
        today = date.fromisoformat(request.today) if request.today else None
        assessment = checker.assess(request.name, request.content, today)
        line = line_of(row(request.n, request.name, request.content, assessment))
        return line.outcome, line.text

    return check


def _reading() -> Work:
    from invoicing.opening import read_invoice

    def read(request: Request) -> tuple[str, bytes]:
        invoice = read_invoice(request.name, request.content)
        return ("read", invoice.model_dump_json().encode()) if invoice else ("unreadable", b"")

    return read


def _place(error: Exception) -> str:
    """Where in our own code it was raised: the text of the exception may hold values of the invoice."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(_APP)] or list(frames)
    if not ours:
        return ""
    return f"{ours[-1].filename.removeprefix(_APP).lstrip(os.sep)}:{ours[-1].lineno}"


def _say(answers: int, message: Message) -> None:
    data = memoryview(encode(message))
    while data:
        data = data[os.write(answers, data) :]


def _take_over_streams() -> tuple[BinaryIO, int]:
    """Keep standard input and output for the messages, and give libraries harmless ones."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return requests, answers


def _end_at_once(number: int, frame: object) -> None:
    os._exit(0)


def _end_with(lifeline: int) -> None:
    """Have the kernel end this process when the other end of this pipe is closed: nobody writes to it.

    A thread that reads from it would not do: Saxon holds the interpreter lock as long as it works.
    """
    # Ctrl-C in a terminal is sent here as well; when this process ends, its parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Linux ends a process by this signal, macOS ignores it; there Python does, between two calls.
    ended_by_kernel = sys.platform == "linux"
    signal.signal(signal.SIGIO, signal.SIG_DFL if ended_by_kernel else _end_at_once)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it was closed before
        os._exit(0)


def _limit(memory: int) -> None:
    # A core file would hold invoices.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # Not the address space: Saxon's virtual machine reserves 32 GiB of it.
        _lower(resource.RLIMIT_DATA, memory * _MEMORY_SLACK)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write(_FIRST_TO_GO)


def _let_work(seconds: float) -> None:
    """Grant processor time for one document more."""
    _lower(resource.RLIMIT_CPU, math.ceil(time.process_time() + seconds) + _CPU_SLACK)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
