"""Chance and faults for `devhost.testing`: what may happen, decided by a seed.

A run is a series of moves. At each point several may be possible: a step of the engine, the end of one of the
activities in flight, a message that comes a second time. The seed picks one, and it picks the faults too, so
that the same seed gives the same run. Time is virtual: an activity may be in flight for an hour of it.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import timedelta

from devhost import timestamps
from devhost.clock import VirtualClock
from devhost.engine.chance import Chance
from devhost.engine.durable_http import HttpSender
from devhost.engine.engine import Engine
from devhost.engine.faults import HostCrash
from devhost.engine.mailboxes import Message
from devhost.engine.ports import ActivityError, ActivityOutcome, Runner
from devhost.orchestration.history import COMPLETIONS, EventType
from devhost.workers.in_flight import Done, timeout_text
from devhost.workers.pool import exit_text

__all__ = [
    "SEED_VARIABLE",
    "Chaos",
    "Orderly",
    "SimulatedCrash",
    "Simulation",
    "explore",
    "seed_from_environment",
]

SEED_VARIABLE = "DEVHOST_SEED"

# Who waits for the rest of a second by one timer after the other comes to its end after so many of these.
_DELIVERY = 10 * timestamps.MILLISECOND
_STORAGE_ERRORS = ("database or disk is full", "database is locked", "disk I/O error")
# What the host has to take once however often it comes. An event is not among them: one that is sent twice is
# two events.
_TAKEN_ONCE = COMPLETIONS | {EventType.ExecutionStarted, EventType.TimerFired}


@dataclass(frozen=True)
class Chaos:
    """A seed, and how probable each fault is. All but the order is off unless it is given a probability.

    Timers fire up to a second early, as on the real host: after one, the clock may not have come to its time.

    seed           decides everything that is left to chance; the same seed gives the same run
    racing         after each move: the test's next request comes before the rest of the work is done
    slow           of an activity: it is in flight for up to ``slowest`` of virtual time
    duplicate      of a completion, a timer or a start: it is delivered once more, at some later moment; of a
                   request to start or to raise an event: the caller repeats it
    lost_worker    of an activity: its worker dies before its code has run, or after it, or it does not answer
                   within functionTimeout; each fails the activity, so the app must be ready for failures
    storage_error  of a commit: it fails, as with a full disk; what was to be written is tried again
    crash          of a commit: the host dies right before or right after it, and is started again
    lost_orchestrator
                   of a step: its worker process dies before or after the code has run. An orchestration ends
                   Failed for good; the operations of an entity are tried again after 2 s, 4 s, 8 s …
    """

    seed: int = 0
    racing: float = 0.0
    slow: float = 0.0
    slowest: timedelta = timedelta(hours=1)
    duplicate: float = 0.0
    lost_worker: float = 0.0
    storage_error: float = 0.0
    crash: float = 0.0
    lost_orchestrator: float = 0.0

    def __post_init__(self) -> None:
        for name in _PROBABILITIES:
            if not 0.0 <= (value := getattr(self, name)) <= 0.9:
                raise ValueError(f"{name} is a probability from 0.0 to 0.9, not {value}: no run would end")

    @property
    def faults(self) -> list[str]:
        """The names of what may happen in this run."""
        return [name for name in _PROBABILITIES if getattr(self, name)]

    def some(self, seed: int) -> Chaos:
        """Return a chaos of this seed with some of these faults, each up to as probable as it is here.

        Some faults hide others: a host that dies at every second commit seldom gets to a rare order.
        """
        pick = random.Random(seed)  # noqa: S311 - an order, no secret
        chosen = {name: pick.choice((0.0, pick.random())) * getattr(self, name) for name in _PROBABILITIES}
        return replace(self, seed=seed, **chosen)


_PROBABILITIES = tuple(one.name for one in fields(Chaos) if one.type == "float")


class SimulatedCrash(HostCrash):
    """The host died because of `Chaos.crash`; ``committed`` tells on which side of the commit."""

    def __init__(self, committed: bool):
        super().__init__(f"the simulated host died {'after' if committed else 'before'} a commit")
        self.committed = committed


@dataclass
class _Flight:
    """An activity that has been handed out: it ends when ``due`` (ticks) has come, not before."""

    name: str
    due: int
    run: Callable[[Done], None]
    done: Done


class Simulation:
    """The world around one host: hands out activities, repeats messages, breaks commits.

    ``function_timeout`` is in seconds, None for none. ``trace`` lists what happened.
    """

    survives = True

    def __init__(self, chaos: Chaos, clock: VirtualClock, function_timeout: float | None):
        self.chaos = chaos
        self.trace: list[str] = []
        self._random = random.Random(chaos.seed)  # noqa: S311 - an order, no secret
        self._clock = clock
        self._timeout = function_timeout
        self._flights: list[_Flight] = []
        self._again: list[tuple[str, Message]] = []
        self.chance = Chance(self._random.randrange, self._new_id, self._delivered, self._fires)

    def runner(self, inner: Runner) -> Runner:
        """Return a runner whose activities are in flight until they end by a move."""
        return _Runner(inner, self)

    def http(self, inner: HttpSender | None) -> HttpSender | None:
        """Return a sender of durable HTTP calls that does likewise; real calls (None) are left alone."""
        return _Http(inner, self) if inner is not None else None

    def _new_id(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def happens(self, probability: float) -> bool:
        """Throw the dice."""
        return probability > 0 and self._random.random() < probability

    # -- faults

    def at_commit(self, when: str, number: int) -> None:
        """Break a commit now and then; the hook of the store."""
        if when == "before" and self.happens(self.chaos.storage_error):
            text = self._random.choice(_STORAGE_ERRORS)
            self.trace.append(f"commit {number}: {text}")
            raise sqlite3.OperationalError(text)
        if self.happens(self.chaos.crash / 2):
            self.trace.append(f"crash {when} commit {number}")
            raise SimulatedCrash(when == "after")

    def restarted(self) -> None:
        """Forget what died with the process: the activities in flight."""
        self._flights.clear()

    def _delivered(self, instance_id: str, message: Message) -> None:
        if message.event.get("EventType") in _TAKEN_ONCE and self.happens(self.chaos.duplicate):
            self._again.append((instance_id, message))

    def _fires(self, now: int, fire_at: int) -> int:
        """Fire up to a second early: no fault, but how the real host is. A little time passes in any case."""
        soonest = min(fire_at, now + _DELIVERY)
        return max(soonest, fire_at - self._random.randrange(timestamps.SECOND))

    def calm(self) -> None:
        """Have no more faults; the order stays a matter of chance."""
        self.chaos = Chaos(self.chaos.seed)

    def repeats(self) -> bool:
        """Tell whether the caller of a request repeats it."""
        return self.happens(self.chaos.duplicate)

    def fate_of_step(self, function_name: str) -> str | None:
        """Tell how a step of an orchestration or entity ends: well (None), or lost before or after it."""
        if not self.happens(self.chaos.lost_orchestrator):
            return None
        when = self._random.choice(("before", "after"))
        self.trace.append(f"worker lost {when} a step of {function_name}")
        return when

    # -- activities

    def take_off(self, name: str, run: Callable[[Done], None], done: Done) -> None:
        """Take an activity that ``run`` would carry out, and end it some time."""
        due = self._clock.ticks()
        if self.happens(self.chaos.slow):
            due += self._random.randrange(1, max(2, timestamps.from_delta(self.chaos.slowest)))
        if self.happens(self.chaos.lost_worker):
            run, due = self._lost(name, run, due)
        self._flights.append(_Flight(name, due, run, done))

    def _lost(self, name: str, run: Callable[[Done], None], due: int) -> tuple[Callable[[Done], None], int]:
        died = ActivityOutcome(error=ActivityError(exit_text(-9)))
        fate = self._random.choice(("before", "after", "hangs"))
        if fate == "hangs" and self._timeout is not None:
            late = ActivityOutcome(error=ActivityError(timeout_text(name, self._timeout)))
            return lambda done: done(late), self._clock.ticks() + int(self._timeout * timestamps.SECOND)
        if fate == "after":
            return lambda done: run(lambda _: done(died)), due
        return lambda done: done(died), due

    # -- moves

    def work(self, engine: Engine, *, whole: bool = False) -> None:
        """Make moves until only time and requests are waited for, or, but for ``whole``, one races."""
        while self._move(engine):
            if not whole and self.happens(self.chaos.racing):
                return

    def _move(self, engine: Engine) -> bool:
        landed = [one for one in self._flights if one.due <= self._clock.ticks()]
        moves: list[Callable[[], None]] = []
        if engine.busy:
            moves.append(lambda: self._step(engine))
        if landed:
            moves.append(lambda: self._land(self._random.choice(landed)))
        if self._again:
            moves.append(lambda: self._repeat(engine))
        if moves:
            self._random.choice(moves)()
        return bool(moves)

    def _step(self, engine: Engine) -> None:
        self.trace.append("step")
        engine.step()

    def _land(self, flight: _Flight) -> None:
        self.trace.append(f"end of {flight.name}")
        self._flights.remove(flight)
        flight.run(flight.done)

    def _repeat(self, engine: Engine) -> None:
        instance_id, message = self._again.pop(self._random.randrange(len(self._again)))
        self.trace.append(f"event {message.event['EventType']} again to {instance_id}")
        engine.deliver_again(instance_id, message)

    # -- time

    def next_due(self, engine: Engine) -> int | None:
        """Return when something happens by itself, in ticks: a timer, or the end of a slow activity."""
        ends = [one.due for one in self._flights if one.due > self._clock.ticks()]
        timer = engine.next_due()
        return min(ends if timer is None else [*ends, timer], default=None)

    def advance(self, engine: Engine, target: int) -> None:
        """Move the clock to ``target`` (ticks), past everything on the way; with `Chaos.racing`, in haste."""
        while True:
            self.work(engine)
            due = self.next_due(engine)
            if due is None or due > target:
                break
            self._clock.jump(due)
        self._clock.jump(target)
        self.work(engine)


class _Runner:
    """A runner whose activities end when the simulation says so."""

    def __init__(self, inner: Runner, simulation: Simulation):
        self.run_orchestrator = inner.run_orchestrator
        self.run_entity = inner.run_entity
        self._submit = inner.submit_activity
        self._take_off = simulation.take_off

    def submit_activity(self, function_name: str, input_json: str, done: Done) -> None:
        self._take_off(function_name, lambda end: self._submit(function_name, input_json, end), done)


class _Http:
    """Durable HTTP calls whose answers come when the simulation says so."""

    def __init__(self, inner: HttpSender, simulation: Simulation):
        self.close = inner.close
        self._submit = inner.submit
        self._take_off = simulation.take_off

    def submit(self, request_json: str, done: Done) -> None:
        self._take_off("durable HTTP", lambda end: self._submit(request_json, end), done)


class Orderly:
    """The world without chance: all is done at once and in order. It has the methods of `Simulation`."""

    chance = Chance()
    trace: tuple[str, ...] = ()
    survives = False

    def runner(self, inner: Runner) -> Runner:
        """Return the runner as it is."""
        return inner

    def http(self, inner: HttpSender | None) -> HttpSender | None:
        """Return the sender as it is."""
        return inner

    def at_commit(self, when: str, number: int) -> None:
        """Let every commit succeed."""

    def restarted(self) -> None:
        """Nothing was in flight."""

    def calm(self) -> None:
        """Nothing happens anyway."""

    def repeats(self) -> bool:
        """No caller repeats anything."""
        return False

    def fate_of_step(self, function_name: str) -> str | None:
        """No worker is lost."""
        return None

    def work(self, engine: Engine, *, whole: bool = False) -> None:
        """Work until only timers and requests are waited for."""
        engine.run_until_idle()

    def next_due(self, engine: Engine) -> int | None:
        """Return the time of the next timer in ticks."""
        return engine.next_due()

    def advance(self, engine: Engine, target: int) -> None:
        """Move the clock to ``target`` (ticks), firing each timer on the way at its own time."""
        engine.advance(target)


def explore(check: Callable[[Chaos], object], chaos: Chaos, seeds: Iterable[int]) -> None:
    """Run a check with one seed after the other, each with some of the faults of ``chaos``.

    What it raises gets a note with the seed. The variable DEVHOST_SEED names the only seed to run.
    """
    only = seed_from_environment()
    for seed in seeds if only is None else (only,):
        try:
            check(chaos.some(seed))
        except Exception as error:
            error.add_note(f"seed {seed}; run again with {SEED_VARIABLE}={seed}")
            raise


def seed_from_environment() -> int | None:
    """Return the seed that DEVHOST_SEED asks for, None when it is not set. Raises ValueError."""
    text = os.environ.get(SEED_VARIABLE, "").strip()
    if text and not text.isdigit():
        raise ValueError(f"{SEED_VARIABLE} is '{text}'; a whole number is expected.")
    return int(text) if text else None
