"""A mail and its answer, where any one call to storage or mail server is lost: not done, or not heard of.

That is what a process sees that dies in the middle of a step, and is started again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adapters import services
from adapters.mailbox import MailboxAway
from adapters.mailbox_settings import MailboxSettings
from stores.blobs import StorageUnavailable
from tests.orchestrators.mailbox_kit import DONE, RARELY, PostOffice, mail


class Counted:
    """Counts calls of all that it stands before; the `lost`-th is lost, once, before or after it is done."""

    def __init__(self, lost: int, when: str) -> None:
        self.calls, self._lost, self._when = 0, lost, when
        self.said = ""

    def before(self, target: Any, error: type[Exception]) -> Any:
        """The target, with its calls counted."""
        return _Watched(target, self, error)

    def call(self, function: Any, error: type[Exception], *args: Any) -> Any:
        """One call."""
        self.calls += 1
        is_lost = self.calls == self._lost
        if is_lost:
            self.said = f"{function.__name__}{args[:1]}"
        if is_lost and self._when == "before":
            raise error(f"{function.__name__}: no answer")
        answer = function(*args)
        if is_lost:
            raise error(f"{function.__name__}: the answer was lost")
        return answer


class _Watched:
    def __init__(self, target: Any, counted: Counted, error: type[Exception]) -> None:
        self._target, self._counted, self._error = target, counted, error

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found) or name == "close":
            return found
        return lambda *args: self._counted.call(found, self._error, *args)


def _lived(lost: int, when: str) -> tuple[Counted, PostOffice]:
    """A mail comes and is answered; returns what was counted."""
    counted = Counted(lost, when)
    office = PostOffice(RARELY)

    def opened(settings: MailboxSettings) -> Any:
        return counted.before(office.server.open(settings), MailboxAway)

    with office.at_work():
        here = replace(
            services.current(), blobs=counted.before(office.blobs, StorageUnavailable), open_mailbox=opened
        )
        with services.replaced_by(here):
            office.server.put(mail(1))
            office.start()
            office.host.advance(minutes=2)
            office.deliver()
            office.finish_batches()
            office.host.advance(minutes=2)
    return counted, office


@pytest.mark.parametrize("when", ["before", "after"])
def test_any_call_may_be_lost(when: str) -> None:
    """One batch, one answer, and the mail is in its folder: for each call in turn."""
    lost, reached = 0, True
    while reached:
        lost += 1
        counted, office = _lived(lost, when)
        reached = counted.calls >= lost
        assert office.outcomes() == ["batch"], counted.said
        assert (len(office.batches()), len(office.answers())) == (1, 1), counted.said
        assert (office.server.count("INBOX"), office.server.count(DONE)) == (0, 1), counted.said
    assert lost > 25, "so few calls cannot be all"
