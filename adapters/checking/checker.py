"""What activities and pages call: documents in, rows or an invoice out, whatever the documents do."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from adapters.checking.budget import MIB, Budget
from adapters.checking.frames import Request
from adapters.checking.process import CheckerProcess, Command, command_of
from adapters.checking.supervisor import CheckerUnavailable, Done, GivenUp, Result, Supervisor
from adapters.checking.turns import NoTurn, Turns
from invoicing.batching import Document
from invoicing.outcomes import RowLine
from invoicing.records.document import Outcome
from invoicing.rules.folder import require

if TYPE_CHECKING:
    from invoicing.model import Invoice

#: Seconds after which a caller lets others have the process, where they wait for it.
TURN = 1.0
#: An invoice on a page was checked before, so that it is known to be read in less.
READING = Budget(cpu=5.0, memory=1024 * MIB)
#: Seconds that a page waits for other pages.
_PATIENCE = 5.0
#: Seconds after which the process that reads for pages is ended when nobody looks at any.
_IDLE = 60.0


class DocumentChecker(Protocol):
    """Checks documents; safe to use from several threads."""

    def check(
        self, documents: Sequence[Document], today: date, until: float | None = None
    ) -> list[RowLine | GivenUp]:
        """Check documents in their order; returns each one's row, or why it was given up.

        Where it is later than ``until`` (of `time.monotonic`), those that are left are left out; one at least
        is checked. Raises RulesMissing, CheckerUnavailable.
        """
        ...


class InvoiceReader(Protocol):
    """Reads invoices to show them; safe to use from several threads."""

    def read(self, name: str, content: bytes) -> Invoice | None:
        """The invoice; None where it cannot be read, or not in time."""
        ...


class SupervisedChecker:
    """Checks documents in a process of its own. Raises RulesMissing where the folder is not complete."""

    def __init__(self, rules: Path, budget: Budget, command: Command | None = None) -> None:
        require(rules)
        start = partial(CheckerProcess, command or command_of("check", rules, budget))
        self._supervisor = Supervisor(start, budget)
        self._turns = Turns()

    def check(
        self, documents: Sequence[Document], today: date, until: float | None = None
    ) -> list[RowLine | GivenUp]:
        """See `DocumentChecker`. Callers have the process in turn, for `TURN` seconds each."""
        day = today.isoformat()
        waiting = deque(Request(document.n, document.name, day, document.content) for document in documents)
        results: list[RowLine | GivenUp] = []
        while waiting and not (results and _is_past(until)):
            with self._turns.take():
                done = self._supervisor.run(waiting, partial(self._is_over, time.monotonic(), until))
            results += map(_row_of, done)
        return results

    def _is_over(self, begun: float, until: float | None) -> bool:
        """Whether the turn that begun then is over."""
        others_wait = self._turns.wanted and time.monotonic() - begun >= TURN
        return others_wait or _is_past(until)

    def end(self) -> None:
        """End the process. The next document starts another."""
        with self._turns.take():
            self._supervisor.end()


class SupervisedReader:
    """Reads invoices for pages in a process of its own, which ends when nobody looks at any for a while."""

    def __init__(self, rules: Path, budget: Budget = READING, command: Command | None = None) -> None:
        self._supervisor = Supervisor(
            partial(CheckerProcess, command or command_of("read", rules, budget)), budget
        )
        self._turns = Turns()
        self._idle: threading.Timer | None = None

    def read(self, name: str, content: bytes) -> Invoice | None:
        """See `InvoiceReader`."""
        try:
            with self._turns.take(_PATIENCE):
                [result] = self._supervisor.run(deque([Request(0, name, None, content)]))
                self._end_later()
        except (NoTurn, CheckerUnavailable) as error:
            logging.warning("an invoice cannot be shown from its document: %s", error or "others are shown")
            return None
        if isinstance(result, GivenUp) or not result.content:
            return None
        # The model takes a sixth of a worker's memory, and only pages need it outside of the checker process.
        from invoicing.model import Invoice

        return Invoice.model_validate_json(result.content)

    def end(self) -> None:
        """End the process. The next document starts another."""
        with self._turns.take():
            self._supervisor.end()

    def _end_later(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = threading.Timer(_IDLE, self.end)
        self._idle.daemon = True
        self._idle.start()


def _row_of(result: Result) -> RowLine | GivenUp:
    if not isinstance(result, Done):
        return result
    # Our own child process wrote it.
    return RowLine(result.n, cast(Outcome, result.outcome), result.content)


def _is_past(until: float | None) -> bool:
    return until is not None and time.monotonic() >= until
