"""Checker processes that are none: a document says what happens at it, and time passes without waiting.

done SECONDS      it is answered after so many seconds of processor time
shares SECONDS    it is answered after so many seconds, half of which it has the processor
waits             it is never answered, and uses no processor
waits-crashes S   the process ends by a signal after so many seconds, each time
spins             it is never answered, and uses the processor
eats              it is never answered, and takes 300 MiB in each tenth of a second
eats-what-is-left it takes what a used process has not got any more, and is done in a new one
crashes           the process ends by a signal
crashes-once      the process ends by a signal, the first time
overruns          the kernel ends the process at its limit of processor time
raises            an error of Settle's own
no-memory         Python's own MemoryError
babbles           what is no message comes back
answers-another   an answer to what nobody asked
rules-gone        the rules cannot be used any more
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.checking.budget import MIB
from adapters.checking.frames import Answer, BadFrame, Failed, Message, Ready, Request, Unusable
from adapters.checking.process import ProcessEnded, Spent

SMALL = 300 * MIB
"""What a process takes at its start."""


@dataclass
class Machine:
    """Starts processes and has the clock.

    ``starting`` is what each start does, one after the other: `up` (also at the end of the list), `mute`,
    `dies`, `unusable`, `babbles` or `impossible`.
    """

    starting: list[str] = field(default_factory=list)
    now: float = 1000.0
    processes: list[PretendedProcess] = field(default_factory=list)
    crashed: set[int] = field(default_factory=set)

    def clock(self) -> float:
        """Seconds."""
        return self.now

    def start(self) -> PretendedProcess:
        """Another process. Raises OSError for `impossible`."""
        how = self.starting.pop(0) if self.starting else "up"
        if how == "impossible":
            raise OSError("no processes left")
        self.processes.append(PretendedProcess(self, how))
        return self.processes[-1]

    @property
    def running(self) -> int:
        """How many processes run."""
        return sum(process.running for process in self.processes)


@dataclass
class PretendedProcess:
    """One process; ``most`` documents were on their way to it at the same time."""

    machine: Machine
    how: str
    running: bool = True
    ready: bool = False
    cpu: float = 0.5
    memory: int = SMALL
    done: int = 0
    most: int = 0
    waited: float = 0.0
    given: deque[Request] = field(default_factory=deque)

    def send(self, request: Request) -> None:
        """Take a document."""
        self.given.append(request)
        self.most = max(self.most, len(self.given))

    def exchange(self, seconds: float) -> Sequence[Message]:
        """What happens next."""
        if not self.ready:
            return self._starts(seconds)
        verb, _, value = self.given[0].content.decode().partition(" ")
        return getattr(self, "_" + verb.replace("-", "_"))(seconds, value)

    def spent(self) -> Spent:
        """What it has used."""
        return Spent(self.cpu, self.memory)

    def end(self) -> int:
        """It is gone."""
        self.running = False
        return -9

    def _starts(self, seconds: float) -> Sequence[Message]:
        if self.how == "mute":
            self.machine.now += seconds
            return []
        if self.how == "dies":
            raise ProcessEnded(1, "Traceback\nModuleNotFoundError: No module named 'lxml'")
        if self.how == "babbles":
            raise BadFrame("no message")
        if self.how == "unusable":
            return [Unusable("RulesMissing", "The rules are gone.")]
        self.ready = True
        return [Ready(self.cpu)]

    def _answer(self, seconds: float) -> Sequence[Message]:
        self.machine.now += seconds
        self.cpu += seconds
        self.done += 1
        request = self.given.popleft()
        return [Answer(request.n, self.cpu, "valid", request.name.encode())]

    def _done(self, seconds: float, value: str) -> Sequence[Message]:
        return self._answer(float(value or 0.01))

    def _shares(self, seconds: float, value: str) -> Sequence[Message]:
        if self.waited >= float(value):
            self.waited = 0.0
            return self._answer(0.0)
        self.cpu += seconds / 2
        return self._waits(seconds, value)

    def _waits(self, seconds: float, value: str) -> Sequence[Message]:
        self.machine.now += seconds
        self.waited += seconds
        return []

    def _waits_crashes(self, seconds: float, value: str) -> Sequence[Message]:
        return self._waits(seconds, value) if self.waited < float(value) else self._crashes(seconds, value)

    def _spins(self, seconds: float, value: str) -> Sequence[Message]:
        self.cpu += seconds
        return self._waits(seconds, value)

    def _eats(self, seconds: float, value: str) -> Sequence[Message]:
        self.memory += 300 * MIB
        return self._spins(seconds, value)

    def _eats_what_is_left(self, seconds: float, value: str) -> Sequence[Message]:
        return self._eats(seconds, value) if self.done else self._answer(0.1)

    def _crashes(self, seconds: float, value: str) -> Sequence[Message]:
        self.machine.now += 0.1
        self.machine.crashed.add(self.given[0].n)
        self.running = False
        raise ProcessEnded(-signal.SIGSEGV, "")

    def _crashes_once(self, seconds: float, value: str) -> Sequence[Message]:
        again = self.given[0].n in self.machine.crashed
        return self._answer(0.1) if again else self._crashes(seconds, value)

    def _overruns(self, seconds: float, value: str) -> Sequence[Message]:
        raise ProcessEnded(-signal.SIGXCPU, "")

    def _raises(self, seconds: float, value: str) -> Sequence[Message]:
        return [Failed(self.given.popleft().n, self.cpu, "ValueError", "invoicing/checks.py:17")]

    def _no_memory(self, seconds: float, value: str) -> Sequence[Message]:
        return [Failed(self.given.popleft().n, self.cpu, "MemoryError", "invoicing/opening.py:17")]

    def _babbles(self, seconds: float, value: str) -> Sequence[Message]:
        raise BadFrame("no message")

    def _answers_another(self, seconds: float, value: str) -> Sequence[Message]:
        return [Answer(99, self.cpu, "valid", b""), Answer(98, self.cpu, "valid", b"")]

    def _rules_gone(self, seconds: float, value: str) -> Sequence[Message]:
        return [Unusable("RulesMissing", "The rules are gone.")]
