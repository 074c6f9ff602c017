"""Sends documents to a checker process and watches it: one that breaks its budget ends that process alone.

A process works at one document after the other, in the order in which they were sent, and says so after each.
So the first one that is not answered is the one that it works at, and to blame for what happens to it. A few
more are on their way, so that it never waits. When it ends, they go to the next process.

A document is set aside

* when it takes too long: at once;
* when it takes too much memory, or the process ends by itself: when that happens in a new process, where no
  other document has left anything behind. Before, it is tried there.
"""

from __future__ import annotations

import logging
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from adapters.checking.budget import Breach, Budget, Usage, breach, crashed, failed, over_budget
from adapters.checking.frames import Answer, BadFrame, Failed, Message, Ready, Request, Unusable
from adapters.checking.process import ProcessEnded, Spent
from invoicing.rules.folder import RulesMissing

_log = logging.getLogger(__name__)

#: Documents on their way to a process, and their bytes: it has the next one while it answers.
IN_FLIGHT, IN_FLIGHT_BYTES = 4, 1024 * 1024
#: Seconds between two looks at what the process uses.
LOOK = 0.1
#: Seconds for its start: it takes one, and more where the machine is busy.
START = 60.0


class CheckerUnavailable(RuntimeError):
    """No checker process can be started: the installation is at fault, and no document."""


@dataclass(frozen=True, slots=True)
class Done:
    """A document that was worked at: the outcome and the content of the answer."""

    n: int
    outcome: str
    content: bytes


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A document that could not be worked at, and why, in words for people."""

    n: int
    reason: str


Result = Done | GivenUp


class Process(Protocol):
    """What the supervisor needs of a process; see `process.CheckerProcess`."""

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        ...

    def send(self, request: Request) -> None:
        """Take a request."""
        ...

    def exchange(self, seconds: float) -> Sequence[Message]:
        """What it says, after at most so long. Raises ProcessEnded, BadFrame."""
        ...

    def spent(self) -> Spent:
        """What it has used."""
        ...

    def end(self) -> int:
        """End it."""
        ...


class Supervisor:
    """Has one process at a time, started when it is needed and replaced when it broke; one caller at a time.

    ``clock`` tells seconds.
    """

    def __init__(
        self, start: Callable[[], Process], budget: Budget, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._start = start
        self._budget = budget
        self._clock = clock
        self._process: Process | None = None
        # Processor time of the process when it began with the document that it works at, and whether another
        # document came before that one.
        self._cpu = 0.0
        self._used = False

    def run(self, waiting: deque[Request], pause: Callable[[], bool] = lambda: False) -> list[Result]:
        """Take documents from the left of ``waiting`` and work at them; returns the results in that order.

        Ends early, after one document at least, when ``pause`` says so. Raises CheckerUnavailable,
        RulesMissing; then no document is lost, they have only to be given again.
        """
        run = _Run(waiting, self._clock())
        try:
            while (may_send := bool(waiting) and not (run.results and pause())) or run.in_flight:
                self._step(run, may_send)
        except BaseException:
            self.end()  # what it answers from now on nobody asked for
            raise
        if self._process is not None and self._process.spent().memory > self._budget.renewal:
            self.end()
        return run.results

    def end(self) -> None:
        """End the process; the next document starts another."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _step(self, run: _Run, may_send: bool) -> None:
        process = self._running(run)
        if may_send:
            run.send(process, self._clock())
        try:
            messages = process.exchange(LOOK)
        except ProcessEnded as error:
            self._lost(run, error.code)
            return
        except BadFrame as error:
            _log.error("the checker process said what is no message: %s", error)
            self._lost(run, None)
            return
        for message in messages:
            if self._process is process:  # else it was ended at the one before
                self._take(run, message)
        now = self._clock()
        if run.in_flight and now - run.looked >= LOOK:
            run.looked = now
            self._look(run, process, now)

    def _running(self, run: _Run) -> Process:
        """The process, or a new one. Raises CheckerUnavailable, RulesMissing."""
        if self._process is not None and not run.in_flight and not self._process.running:
            self.end()  # it ended between two documents, and none is to blame
        if self._process is None:
            self._process = self._started()
            self._used = False
        return self._process

    def _started(self) -> Process:
        try:
            process = self._start()
        except OSError as error:
            raise CheckerUnavailable(f"The checker process cannot be started: {error}") from error
        try:
            self._cpu = _ready(process, self._clock, self._clock() + START)
        except BaseException:
            process.end()
            raise
        return process

    def _take(self, run: _Run, message: Message) -> None:
        if isinstance(message, Unusable):
            raise _unusable(message)
        if not isinstance(message, Answer | Failed) or not run.is_next(message.n):
            _log.error("the checker process answered what nobody asked")
            self._lost(run, None)
            return
        if isinstance(message, Failed) and message.error == "MemoryError":
            self._broke(run, "memory")
            return
        if isinstance(message, Failed):
            _log.error("checking failed with %s at %s", message.error, message.where)
            run.finish(GivenUp(message.n, failed(message.error)), self._clock())
        else:
            run.finish(Done(message.n, message.outcome, message.content), self._clock())
        self._cpu = message.cpu
        self._used = True

    def _look(self, run: _Run, process: Process, now: float) -> None:
        spent = process.spent()
        usage = Usage(spent.cpu - self._cpu, run.seconds(now), spent.memory)
        over = breach(self._budget, usage)
        if over is not None:
            self._broke(run, over)

    def _broke(self, run: _Run, over: Breach) -> None:
        """The document in work is over its budget: the process ends, and the document here or in the next."""
        tried_again = over == "memory" and self._used
        _log.warning("a document is over its budget (%s)%s", over, "; it is tried once more" * tried_again)
        self._replace(run, None if tried_again else over_budget(self._budget, over))

    def _lost(self, run: _Run, code: int | None) -> None:
        """The process ended by itself, or is of no use: the document in work is tried again, once."""
        if code == -signal.SIGXCPU:
            self._broke(run, "cpu")
            return
        _log.warning("the checker process ended at a document, with code %s", code)
        self._replace(run, crashed(code) if run.has_crashed() else None)

    def _replace(self, run: _Run, reason: str | None) -> None:
        """End the process. The document in work is given up for this reason, or it goes to the next one."""
        self.end()
        now = self._clock()
        if reason is not None:
            run.finish(GivenUp(run.in_flight[0].n, reason), now)
        run.call_back(now)


@dataclass
class _Run:
    """Documents that wait, those on their way (the first of them in work), and the results so far."""

    waiting: deque[Request]
    looked: float
    began: float = 0.0
    in_flight: deque[Request] = field(default_factory=deque[Request])
    results: list[Result] = field(default_factory=list[Result])
    crashes: Counter[int] = field(default_factory=Counter[int])
    # Seconds of earlier tries: a document has its time once.
    before: dict[int, float] = field(default_factory=dict[int, float])

    def send(self, process: Process, now: float) -> None:
        """Send as many as may be on their way; one at which a process ended goes alone."""
        while self.waiting and self._has_room(self.waiting[0]):
            request = self.waiting.popleft()
            if not self.in_flight:
                self.began = now
            self.in_flight.append(request)
            process.send(request)

    def _has_room(self, request: Request) -> bool:
        if not self.in_flight:
            return True
        alone = self.crashes[self.in_flight[0].n] > 0 or self.crashes[request.n] > 0
        size = sum(len(sent.content) for sent in self.in_flight) + len(request.content)
        return not alone and len(self.in_flight) < IN_FLIGHT and size <= IN_FLIGHT_BYTES

    def seconds(self, now: float) -> float:
        """How long the document in work has taken, all its tries together."""
        return now - self.began + self.before.get(self.in_flight[0].n, 0.0)

    def is_next(self, n: int) -> bool:
        """Whether this is the document in work."""
        return bool(self.in_flight) and self.in_flight[0].n == n

    def finish(self, result: Result, now: float) -> None:
        """The document in work has its result; the process works at the next one."""
        self.in_flight.popleft()
        self.results.append(result)
        self.began = now

    def has_crashed(self) -> bool:
        """Note that the process ended at the document in work; returns whether it was the second time."""
        self.crashes[self.in_flight[0].n] += 1
        return self.crashes[self.in_flight[0].n] > 1

    def call_back(self, now: float) -> None:
        """What was on its way waits again, in its order: the process is gone."""
        if self.in_flight:
            self.before[self.in_flight[0].n] = self.seconds(now)
        self.waiting.extendleft(reversed(self.in_flight))
        self.in_flight.clear()


def _ready(process: Process, clock: Callable[[], float], deadline: float) -> float:
    """Wait until a process is up; returns its processor time. Raises CheckerUnavailable, RulesMissing."""
    while (left := deadline - clock()) > 0:
        try:
            messages = process.exchange(left)
        except ProcessEnded as error:
            last_line = error.words.rpartition("\n")[2]
            raise CheckerUnavailable(
                f"The checker process ended at its start with code {error.code}. {last_line}".strip()
            ) from error
        except BadFrame as error:
            raise CheckerUnavailable(f"The checker process does not talk to Settle: {error}") from error
        for message in messages:
            if isinstance(message, Ready):
                return message.cpu
            if isinstance(message, Unusable):
                raise _unusable(message)
            raise CheckerUnavailable("The checker process says something else than that it is ready")
    raise CheckerUnavailable(f"The checker process is not up after {START:g} seconds")


def _unusable(message: Unusable) -> Exception:
    if message.error == RulesMissing.__name__:
        return RulesMissing(message.message)
    return CheckerUnavailable(f"The checker process cannot be used: {message.error}: {message.message}")
