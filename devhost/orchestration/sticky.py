"""Sticky instances: the generators of running orchestrations are kept, and fed only what is new.

A replay costs time in proportion to the history, a kept generator in proportion to the new events. It is
honest: when the user's code ends, and now and then before, one plain replay from the history must give the
same reply to the byte, else the instance fails as non-deterministic, with the place.

What is kept belongs to the history in memory (`Live`) and is dropped with it: after a step that could not be
written, when the instance is deleted or continues as new. A dropped one comes back by a replay.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from devhost.engine.faults import HostCrash
from devhost.engine.live import Live
from devhost.engine.models import RuntimeStatus
from devhost.orchestration.actions import ActionType, Reply, parse_reply
from devhost.orchestration.decision import Completion, Decision, details
from devhost.orchestration.history import Event
from devhost.orchestration.keeping import HandleOf, StickySettings
from devhost.orchestration.nondeterminism import departure
from devhost.orchestration.plain_replay import PlainReplay, ended
from devhost.orchestration.sdk_generator import KeptGenerator, NotKept
from devhost.orchestration.shim import Interpretation

__all__ = ["StickyInstances"]


class _Kept:
    """A kept execution: its generator, the interpretation of its reply, and how far both have come."""

    __slots__ = ("actions", "checked_size", "fed", "generator", "interpretation", "last", "unchecked")

    def __init__(self, generator: KeptGenerator):
        self.generator = generator
        self.interpretation: Interpretation | None = None
        self.actions: list[dict[str, Any]] = []
        self.fed = 0
        self.last: Event | None = None
        self.unchecked = 0
        self.checked_size = 0

    def in_step_with(self, live: Live) -> bool:
        """Tell whether all that was fed has become history."""
        events = live.history.events
        return 0 < self.fed <= len(events) and events[self.fed - 1] is self.last

    def decide(
        self, live: Live, new: list[Event], started: Event, max_actions: int, text: str | None
    ) -> Decision:
        """Interpret what the generator asks for now; raises what an interpretation raises.

        ``text`` is its whole reply; None while it is not done, when what has come to it is enough.
        """
        cancelled = self.generator.cancelled()
        if text is None:
            self.actions += self.generator.new_actions()
            reply = Reply(False, self.actions, custom_status=self.generator.custom_status())
        else:
            reply = parse_reply(text)
        events = live.history.events
        run = self.interpretation
        fed = self.fed
        if run is None or cancelled or not run.go_on_with(reply):
            # A cancelled timer counts as cancelled from the start, as it does for the real host.
            run = self.interpretation = Interpretation(reply, started, max_actions)
            fed = 0
        for number in range(fed, len(events)):
            run.feed(events[number])
        for one in new:
            run.feed(one)
        return run.decide()


class StickyInstances:
    """Decides episodes with kept generators; a ``Decider``. Used by the engine's thread only."""

    def __init__(
        self,
        plain: PlainReplay,
        handle_of: HandleOf,
        settings: StickySettings | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        logger: logging.Logger | None = None,
    ):
        self._plain = plain
        self._handle_of = handle_of
        self._settings = settings or StickySettings()
        self._now = now
        self._log = logger or logging.getLogger("devhost.engine")
        self._used: OrderedDict[str, tuple[float, weakref.ref[Live]]] = OrderedDict()

    @property
    def alive(self) -> int:
        """The number of generators that are alive."""
        lives = (live() for _, live in self._used.values())
        return sum(live is not None and live.kept is not None for live in lives)

    def decide(self, live: Live, new: list[Event], started: Event, function: str) -> Decision:
        """Say what follows from the history of ``live`` and the new events, as `PlainReplay.decide` does."""
        # Not inside of the handler below: what a replay raises is to have no other error in its traceback.
        decision = self._go_on(live, new, started, function)
        return decision or self._plain.decide(live, new, started, function)

    def _go_on(self, live: Live, new: list[Event], started: Event, function: str) -> Decision | None:
        kept: _Kept | None = live.kept
        live.kept = None
        self._used.pop(live.record.instance_id, None)
        try:
            fresh = kept is None or not kept.in_step_with(live)
            if kept is None or fresh:
                kept = _Kept(KeptGenerator(self._handle_of(function), started))
            kept.generator.run(live.history.events, kept.fed, new)
            decision = self._decided(kept, fresh, live, new, started, function)
        except HostCrash:
            raise
        except NotKept:
            return None
        except BaseException:  # noqa: BLE001  it ends a replay too, which has the words for it
            self._log.debug("'%s' is replayed", live.record.instance_id, exc_info=True)
            return None
        if decision.completion is None:
            self._keep(kept, live, new)
        return decision

    def _decided(
        self, kept: _Kept, fresh: bool, live: Live, new: list[Event], started: Event, function: str
    ) -> Decision:
        size = len(live.history.events) + len(new)
        done = kept.generator.done
        due = done or self._due(kept, size)
        text = kept.generator.reply() if due else ""
        if fresh:
            kept.checked_size = size  # it has just been replayed from the start
        elif due:
            failure = self._check(kept, text, live, new, started, function)
            if failure is not None:
                return failure
            kept.unchecked, kept.checked_size = 0, size
        kept.unchecked += 1
        return kept.decide(live, new, started, self._plain.max_actions, text if done else None)

    def _due(self, kept: _Kept, size: int) -> bool:
        settings = self._settings
        return kept.unchecked >= settings.check_every and size >= settings.growth * kept.checked_size

    # -- what is kept

    def _keep(self, kept: _Kept, live: Live, new: list[Event]) -> None:
        kept.fed = len(live.history.events) + len(new)
        kept.last = new[-1]
        live.kept = kept
        now = self._now()
        self._used[live.record.instance_id] = (now, weakref.ref(live))
        while True:
            key, (used, oldest) = next(iter(self._used.items()))
            if len(self._used) <= self._settings.most and now - used <= self._settings.idle_seconds:
                return
            del self._used[key]
            dropped = oldest()
            if dropped is not None:
                dropped.kept = None

    # -- honesty

    def _check(
        self, kept: _Kept, text: str, live: Live, new: list[Event], started: Event, function: str
    ) -> Decision | None:
        """Replay plainly; None when that gives the same reply, else the decision to fail.

        Raises NotKept when all replays do the same and end with another value than the generator that was
        kept: that follows from `is_replaying`, and Azure, where all is replayed, would show theirs.
        """
        replayed = self._plain.text(live, new, started, function)
        if replayed == text:
            return None
        if _same_actions(text, replayed) and self._plain.text(live, new, started, function) == replayed:
            text = "what '%s' comes to depends on whether it is replayed; it is taken from a replay"
            self._log.warning(text, live.record.instance_id)
            raise NotKept
        said = self._departure(kept, text, replayed)
        if isinstance(replayed, str):
            real = self._plain.interpreted(live, new, started, replayed).completion
            if real is not None and real.result is not None and real.result.startswith("Non-Deterministic"):
                said = f"{real.result} The place: {kept.generator.place()}."
        self._log.error("'%s' is not deterministic: %s", live.record.instance_id, said)
        return ended(Completion(RuntimeStatus.FAILED, said, details(said)), live)

    def _departure(self, kept: _Kept, text: str, replayed: str | Completion) -> str:
        if isinstance(replayed, Completion):
            return departure("did not fail", f"fails: {replayed.result}", kept.generator.place())
        first, second = parse_reply(text), parse_reply(replayed)
        for number in range(max(len(first.actions), len(second.actions))):
            one, other = (
                reply.actions[number] if number < len(reply.actions) else None for reply in (first, second)
            )
            if one != other:
                place = kept.generator.place(number if one is not None else None)
                one, other = _first_difference(one, other)
                was, now = _described(one, number), _described(other, number)
                now = "the same with other arguments" if was == now else now
                return departure(f"scheduled {was}", f"schedules {now}", place)
        for name in ("error", "output", "custom_status", "is_done"):
            one, other = getattr(first, name), getattr(second, name)
            if repr(one) != repr(other):
                label = name.replace("_", " ")
                return departure(f"gave one {label}", "gives another", kept.generator.place())
        return departure("gave one reply", "gives another", kept.generator.place())


def _same_actions(text: str, replayed: str | Completion) -> bool:
    if isinstance(replayed, Completion):
        return False
    first, second = parse_reply(text), parse_reply(replayed)
    return (first.actions, first.is_done, first.error) == (second.actions, second.is_done, second.error)


def _described(action: dict[str, Any] | None, number: int) -> str:
    """Say what an action is, without its values: they are not for all who see a status or a log."""
    if action is None:
        return "nothing more"
    kind = ActionType(action["actionType"]).name
    if "compoundActions" in action:
        return f"{kind} of {len(action['compoundActions'])} (action {number})"
    name = f" '{action['functionName']}'" if "functionName" in action else ""
    return f"{kind}{name} (action {number})"


def _first_difference(
    one: dict[str, Any] | None, other: dict[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Go down into compounds to the first pair that differs."""
    mine, theirs = ((action or {}).get("compoundActions") or [] for action in (one, other))
    for first, second in zip(mine, theirs, strict=False):
        if first != second:
            return _first_difference(first, second)
    return one, other
