"""Steps that are under way elsewhere: in worker processes. Used by the engine's thread only."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from devhost.engine.loop import Stepped
from devhost.engine.mailboxes import Message
from devhost.engine.ports import ActivityOutcome, StepKind, StepRunner
from devhost.state.records import is_entity

__all__ = ["RemoteSteps", "SentStep"]


@dataclass(frozen=True)
class SentStep:
    """One step that was sent away with its messages. ``finish`` writes what it came to."""

    instance_id: str
    messages: list[Message]
    finish: Callable[[ActivityOutcome], None]


class RemoteSteps:
    """Sends steps to a runner and remembers them; no more at a time than the two limits allow.

    ``put`` takes the answer into the queue of the engine; it is called from any thread.
    """

    def __init__(
        self, runner: StepRunner, put: Callable[[Stepped], None], orchestrations: int, entities: int
    ):
        self._runner = runner
        self._put = put
        self._limits = {StepKind.ORCHESTRATOR: orchestrations, StepKind.ENTITY: entities}
        self._tokens = itertools.count(1)
        self._sent: dict[int, SentStep] = {}
        self._of_instance: dict[str, int] = {}
        self._running = dict.fromkeys(StepKind, 0)

    def __len__(self) -> int:
        return len(self._sent)

    def may_begin(self, instance_id: str) -> bool:
        """Tell whether a step of this instance may be sent now."""
        kind = _kind(instance_id)
        return self._running[kind] < self._limits[kind]

    @property
    def full(self) -> bool:
        """Tell whether no step of any instance may be sent now."""
        return all(self._running[kind] >= limit for kind, limit in self._limits.items())

    def send(self, function_name: str, text: str, step: SentStep) -> None:
        """Send a step away; its answer comes through the queue of the engine."""
        kind = _kind(step.instance_id)
        token = next(self._tokens)
        self._sent[token] = step
        self._of_instance[step.instance_id] = token
        self._running[kind] += 1
        try:
            self._runner.submit_step(
                kind, function_name, text, lambda outcome: self._put(Stepped(token, outcome))
            )
        except BaseException:
            self.take(token)
            raise

    def take(self, token: int) -> SentStep | None:
        """Return the step that has been answered; None when its instance was deleted meanwhile."""
        step = self._sent.pop(token, None)
        if step is not None:
            del self._of_instance[step.instance_id]
            self._running[_kind(step.instance_id)] -= 1
        return step

    def forget(self, instance_id: str) -> None:
        """Take no notice of the answer to a step of an instance that is gone."""
        token = self._of_instance.get(instance_id)
        if token is not None:
            self.take(token)


def _kind(instance_id: str) -> StepKind:
    return StepKind.ENTITY if is_entity(instance_id) else StepKind.ORCHESTRATOR
