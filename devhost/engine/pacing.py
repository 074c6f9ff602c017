"""When to replay: an instance whose activities end one after the other is not replayed for each. Pure.

A replay costs time in proportion to the history. So an instance that still waits for other activities is
given as much time to collect their ends as its replay would take: replays then cost no more than the waiting,
and a short history, whose replay is nothing, does not wait at all.
"""

from __future__ import annotations

from devhost.engine.live import Live
from devhost.engine.mailboxes import Mailbox

__all__ = ["Pacing"]

_WORTH_WAITING_SECONDS = 0.002
_LONGEST_WAIT_SECONDS = 1.0
_FIRST_GUESS_SECONDS = 60e-6
_MEMORY = 0.8


class Pacing:
    """Learns what an event costs in a replay, and says how long to wait."""

    def __init__(self) -> None:
        self._per_event = _FIRST_GUESS_SECONDS

    def learn(self, events: int, seconds: float) -> None:
        """Take note of a replay. Short ones say little about the cost of an event."""
        if events >= 50:
            self._per_event = _MEMORY * self._per_event + (1 - _MEMORY) * seconds / events

    def wait(self, box: Mailbox, live: Live | None, now: float) -> float:
        """Return the seconds to leave the mailbox alone; 0.0 or less: run it now."""
        if live is None or box.completions < len(box.messages):
            return 0.0
        outstanding = len(live.open_tasks) - box.completions
        replay = (len(live.history.events) + len(box.messages)) * self._per_event
        if outstanding <= 0 or replay < _WORTH_WAITING_SECONDS:
            return 0.0
        return box.since + min(replay, _LONGEST_WAIT_SECONDS) - now
