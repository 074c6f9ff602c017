"""What a document may cost, and the words for one that costs more. Pure.

Processor time is what a document is to blame for: by the clock it also waits for whatever else the machine
does. So the clock's limit is twice that of the processor, and is there for what waits for ever.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Literal

MIB = 1024 * 1024

Breach = Literal["cpu", "clock", "memory"]
"""Which limit a document is over: seconds of processor time, seconds by the clock, or memory."""

_AGAIN = "and send the invoice again"


@dataclass(frozen=True)
class Budget:
    """Limits for one document: seconds of processor time, and bytes of memory of the whole process."""

    cpu: float
    memory: int

    @property
    def clock(self) -> float:
        """Seconds by the clock."""
        return 2 * self.cpu

    @property
    def renewal(self) -> int:
        """Bytes: a process that keeps more after its documents is replaced, to give the next ones room."""
        return self.memory * 3 // 4


@dataclass(frozen=True)
class Usage:
    """What a document has cost so far: seconds of processor time and by the clock, bytes of the process."""

    cpu: float
    clock: float
    memory: int


def breach(budget: Budget, usage: Usage) -> Breach | None:
    """Which limit a document is over, if any."""
    if usage.memory > budget.memory:
        return "memory"
    if usage.cpu > budget.cpu:
        return "cpu"
    if usage.clock > budget.clock:
        return "clock"
    return None


def over_budget(budget: Budget, over: Breach) -> str:
    """Why a document was set aside, and what to do."""
    if over == "memory":
        return (
            f"Checking it took more than {budget.memory // MIB:,} MiB of memory. "
            f"Ask the sender to split it into smaller invoices, or raise SETTLE_DOCUMENT_MIB {_AGAIN}."
        )
    took = f"{budget.cpu:g} seconds of processor time" if over == "cpu" else f"{budget.clock:g} seconds"
    return (
        f"Checking it took more than {took}. "
        f"Ask the sender to split it into smaller invoices, or raise SETTLE_DOCUMENT_SECONDS {_AGAIN}."
    )


def crashed(exit_code: int | None) -> str:
    """Why a document was set aside at which the process ended twice; None: it answered what is no answer."""
    return (
        f"The process that checked it {_ended(exit_code)}, twice. "
        "The document may be damaged or made to do harm: look at it with care and ask the sender for another."
    )


def failed(error: str) -> str:
    """Why a document was set aside at which Settle's own check raised an error; ``error`` is its name."""
    return (
        f"The check of it failed with an error of Settle's own ({error}), which is in the log. "
        f"Tell who looks after Settle; when it is mended, check the invoice by hand or send it again."
    )


def _ended(code: int | None) -> str:
    if code is None:
        return "gave no answer that can be read"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
