"""Checker processes for tests: the real program with the work of `tests.fakes.odd_child`."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from adapters.checking.budget import MIB, Budget
from adapters.checking.frames import Request
from adapters.checking.process import CheckerProcess, Command, command_of
from adapters.checking.supervisor import Done, GivenUp, Result, Supervisor

PROJECT = Path(__file__).resolve().parents[2]
#: Little enough that tests need not wait, and enough for a machine that is busy.
SMALL = Budget(cpu=2.0, memory=200 * MIB)


def odd(budget: Budget = SMALL, rules: str = "none") -> Command:
    """The command of a process whose documents say what to do."""
    real = command_of("check", Path(rules), budget)

    def command(lifeline: int) -> Sequence[str]:
        *python, program, options = real(lifeline)
        own = program.replace("adapters.checking.child", "tests.fakes.odd_child")
        assert own != program
        values = json.loads(options)
        return (*python, own, json.dumps(values | {"path": [str(PROJECT), *values["path"]]}))

    return command


def supervised(budget: Budget = SMALL, rules: str = "none") -> Supervisor:
    """A supervisor of such processes."""
    return Supervisor(lambda: CheckerProcess(odd(budget, rules)), budget)


def requests(*texts: str) -> deque[Request]:
    """Documents that say what to do."""
    return deque(Request(n, f"{n}.xml", None, text.encode()) for n, text in enumerate(texts, 1))


def said(result: Result) -> object:
    """What a document's work returned."""
    assert isinstance(result, Done), result
    return json.loads(result.content)


def reason(result: Result) -> str:
    """Why a document was given up."""
    assert isinstance(result, GivenUp), result
    return result.reason


def on_linux() -> bool:
    """Whether the kernel enforces what only Linux does."""
    return sys.platform == "linux"
