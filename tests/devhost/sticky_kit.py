"""A decider that runs each episode both ways, and tells where the two differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devhost.decision import Decision
from devhost.history import Event
from devhost.live import Live
from devhost.plain_replay import PlainReplay
from devhost.sticky import StickyInstances, StickySettings


class Compared:
    """Plain replays decide; kept generators must come to the same decision and, to the byte, the same reply.

    The kept generator is checked at every episode, which turns a different reply into a failure of the
    instance, and so into a different decision.
    """

    def __init__(self, handle_of: Callable[[str], Any], plain: PlainReplay):
        self._plain = plain
        self.sticky = StickyInstances(plain, handle_of, StickySettings(check_every=1))
        # Every episode is checked, however little the history has grown.
        self.sticky._due = lambda kept, size: True
        self.differences: list[str] = []
        self.episodes = 0
        self.kept = 0

    def decide(self, live: Live, new: list[Event], started: Event, function: str) -> Decision:
        self.episodes += 1
        self.kept += live.kept is not None
        got = self.sticky.decide(live, new, started, function)
        expected = self._plain.decide(live, new, started, function)
        if repr(got) != repr(expected):
            self.differences.append(f"{function}: {got} instead of {expected}")
        return expected
