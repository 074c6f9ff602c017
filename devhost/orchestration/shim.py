"""The heart of the host: interpret the reply of a replay against the history (protocol 2.5). Pure.

The SDK keeps no state. Each reply lists every action since the start of the execution; `interpret` runs that
list against the list of events, and what is left over is new: commands to carry out, or the end of the
execution.

The interpreter takes the actions in order and goes on to the next only when the present one is finished. It
therefore may lag behind the user's code (a WhenAll whose first child failed waits for the others here). That
is how the real host behaves, so it is kept.
"""

from __future__ import annotations

import json
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from devhost import jsontext, timestamps
from devhost.engine.models import RuntimeStatus
from devhost.orchestration.actions import HTTP_ACTIVITY, ActionType, Command, Reply
from devhost.orchestration.decision import Completion, Decision, OrchestrationError, details, failed
from devhost.orchestration.history import Event, EventType
from devhost.orchestration.nondeterminism import NonDeterminism, check
from devhost.orchestration.tasks import AllTask, AnyTask, RetryTask, Task

__all__ = ["Interpretation", "interpret"]

_REQUEST_IDS = uuid.UUID("5d3c4b7a-0f8e-4a55-9d5b-0c8f6a1e2b90")
_CUSTOM_STATUS_BYTES = 16 * 1024
_SUCCEEDED = {5: True, 6: False, 8: True, 9: False, 11: True}
_COMMANDS = frozenset((4, 7, 10, 14))


def interpret(events: Iterable[Event], reply: Reply, started: Event, max_actions: int = 100_000) -> Decision:
    """Run the actions of a reply against the history and say what is to be done.

    ``events`` is the whole history with the new events last, ``started`` its ExecutionStarted event.
    A replay that differs from the history gives a decision to fail; nothing is raised.
    """
    run = Interpretation(reply, started, max_actions)
    try:
        for event in events:
            run.feed(event)
        return run.decide()
    except NonDeterminism as error:
        return run.give_up(Completion(RuntimeStatus.FAILED, str(error), details(str(error))))
    except OrchestrationError as error:
        return run.give_up(failed(started["Name"], str(error)))


class Interpretation:
    """One run of the actions of a reply; `interpret` is the short way to a whole one.

    It can be kept between episodes: `go_on_with` a reply that has more actions, `feed` the new events,
    `decide` again. Raises NonDeterminism and OrchestrationError.
    """

    def __init__(self, reply: Reply, started: Event, max_actions: int = 100_000):
        self.now = 0
        self._reply = reply
        self._started = started
        self._instance_id: str = started["OrchestrationInstance"]["InstanceId"]
        self._execution_id: str = started["OrchestrationInstance"]["ExecutionId"]
        self._actions_left = max_actions
        self._max_actions = max_actions
        self._next_action = 0
        self._current: Task | None = None
        self._at_end = False
        self._quiet = False
        self._next_id = 0
        self._open: dict[int, Task] = {}
        self._pending: dict[int, Command] = {}
        self._cancelled: set[int] = set()
        self._waiters: dict[str, list[Task]] = {}
        self._buffered: dict[str, deque[Event]] = {}
        self._entity_calls: dict[str, Task] = {}
        self._suspended = False
        self._set_aside: dict[int, Command] = {}
        self._queued: list[Event] = []
        self._continue_with: str | None = None
        self._carried: list[Event] = []
        self._terminated: Event | None = None

    def go_on_with(self, reply: Reply) -> bool:
        """Take a reply that begins with the actions of the last one.

        False when only an interpretation from the start gives what it should: this one was at the end of the
        list, and what came meanwhile might have met the new actions, had they been there.
        """
        self._reply = reply
        if self._at_end and self._next_action < len(reply.actions):
            if not self._quiet:
                return False
            self._at_end = False
            self._advance()
        return True

    # -- events

    def feed(self, event: Event) -> None:
        """Take the next event of the history."""
        kind = event["EventType"]
        if kind == EventType.OrchestratorStarted:
            self.now = timestamps.parse(event["Timestamp"])
        elif self._terminated is not None:
            return
        elif self._suspended and kind not in (EventType.ExecutionResumed, EventType.ExecutionTerminated):
            if kind != EventType.ExecutionSuspended:
                self._queued.append(event)
        else:
            self._process(kind, event)

    def _process(self, kind: int, event: Event) -> None:
        if kind in _SUCCEEDED:
            number = event["TimerId" if kind == EventType.TimerFired else "TaskScheduledId"]
            task = self._open.pop(number, None)
            if task is not None:
                task.complete(_SUCCEEDED[kind])
                self._advance()
        elif kind in _COMMANDS:
            self._confirm(event)
        elif handler := _HANDLERS.get(kind):
            handler(self, event)

    def _confirm(self, event: Event) -> None:
        number = event["EventId"]
        check(event, self._pending.get(number))
        command = self._pending.pop(number)
        if command.request and not command.request.get("signal"):
            # The id under which the answer comes is the one that was sent, whatever a replay would make up.
            self._entity_calls[json.loads(event["Input"])["id"]] = self._entity_calls.pop(
                command.request["id"]
            )

    def _on_started(self, event: Event) -> None:
        self._advance()

    def _on_event_raised(self, event: Event) -> None:
        self._quiet = False
        if self._continue_with is not None:
            self._carried.append(event)
            return
        task = self._entity_calls.pop(event["Name"], None)
        name = event["Name"].lower()
        if task is None and self._waiters.get(name):
            task = self._waiters[name].pop()
        if task is None:
            self._buffered.setdefault(name, deque()).append(event)
            return
        task.finish()
        self._advance()

    def _on_suspended(self, event: Event) -> None:
        self._quiet = False
        self._suspended = True
        self._set_aside, self._pending = self._pending, {}

    def _on_resumed(self, event: Event) -> None:
        self._suspended = False
        self._pending = self._set_aside | self._pending
        self._set_aside = {}
        queued, self._queued = self._queued, []
        for one in queued:
            self.feed(one)

    def _on_terminated(self, event: Event) -> None:
        self._terminated = event

    # -- actions

    def _advance(self) -> None:
        while not self._at_end and (self._current is None or self._current.finished):
            if self._next_action == len(self._reply.actions):
                self._at_end = self._quiet = True
                return
            action = self._reply.actions[self._next_action]
            self._next_action += 1
            self._current = self._start(action)

    def _start(self, action: dict[str, Any]) -> Task:
        self._actions_left -= 1
        if self._actions_left < 0:
            raise OrchestrationError(
                f"Maximum amount of orchestration actions ({self._max_actions}) has been reached. "
                "This value can be configured in host.json file as MaxOrchestrationActions."
            )
        start = _STARTERS.get(action.get("actionType"))  # pyright: ignore[reportArgumentType]  absent is refused below
        if start is None:
            raise OrchestrationError(f"The action type {action.get('actionType')} is not known to this host.")
        return start(self, action)

    def schedule(self, action: dict[str, Any], owner: Task) -> None:
        """Take the next id for an activity, an HTTP call or a sub-orchestration that ``owner`` waits for."""
        number = self._take_id()
        self._pending[number] = _scheduling_command(action, number, self._execution_id)
        self._open[number] = owner

    def schedule_timer(self, fire_at: str, owner: Task) -> None:
        """Take the next id for a timer that ``owner`` waits for."""
        number = self._take_id()
        self._pending[number] = Command(EventType.TimerCreated, number, fire_at=fire_at)
        self._open[number] = owner

    def _take_id(self) -> int:
        self._quiet = False
        number = self._next_id
        self._next_id += 1
        return number

    def _start_task(self, action: dict[str, Any]) -> Task:
        task = Task()
        self.schedule(action, task)
        return task

    def _start_retries(self, action: dict[str, Any]) -> Task:
        return RetryTask(self, action)

    def _start_timer(self, action: dict[str, Any]) -> Task:
        task = Task()
        self.schedule_timer(_checked_time(action["fireAt"]), task)
        if action.get("isCanceled"):
            number = self._next_id - 1
            self._pending[number].cancelled = True
            self._cancelled.add(number)
            del self._open[number]
            task.finish()
        return task

    def _start_wait(self, action: dict[str, Any]) -> Task:
        task = Task()
        name = action["externalEventName"].lower()
        if self._buffered.get(name):
            self._buffered[name].popleft()
            task.finish()
        else:
            self._waiters.setdefault(name, []).append(task)
        return task

    def _start_entity_call(self, action: dict[str, Any]) -> Task:
        task = Task()
        request = self._send(action, signal=False)
        self._entity_calls[request["id"]] = task
        return task

    def _start_signal(self, action: dict[str, Any]) -> Task:
        self._send(action, signal=True)
        task = Task()
        task.finish()
        return task

    def _send(self, action: dict[str, Any], *, signal: bool) -> dict[str, Any]:
        number = self._take_id()
        request: dict[str, Any] = {
            "op": action["operation"],
            "id": str(uuid.uuid5(_REQUEST_IDS, f"{self._execution_id}:{number}")),
        }
        if signal:
            request["signal"] = True
        else:
            request |= {"parent": self._instance_id, "parentExecution": self._execution_id}
        if action.get("input") is not None:
            request["input"] = jsontext.encode(action["input"])
        due = _checked_time(action["fireAt"]) if action.get("fireAt") else None
        if due:
            request["due"] = due
        self._pending[number] = Command(
            EventType.EventSent, number, "op", target=action["instanceId"], request=request, due=due
        )
        return request

    def _start_any(self, action: dict[str, Any]) -> Task:
        task = AnyTask()
        task.adopt([self._start(child) for child in action["compoundActions"]])
        return task

    def _start_all(self, action: dict[str, Any]) -> Task:
        task = AllTask()
        task.adopt([self._start(child) for child in action["compoundActions"]])
        return task

    def _start_continue_as_new(self, action: dict[str, Any]) -> Task:
        # What follows in the list was called after continue_as_new and is ignored.
        self._continue_with = jsontext.encode(action.get("input") or "null")
        self._at_end = True
        task = Task()
        task.finish()
        return task

    # -- the outcome

    def decide(self) -> Decision:
        """Say what is left to do, after the last event."""
        if self._terminated is not None:
            reason = self._terminated["Input"]
            return self.give_up(Completion(RuntimeStatus.TERMINATED, reason, ""))
        return Decision(
            commands=[self._pending[number] for number in sorted(self._pending)],
            cancelled=self._cancelled,
            next_id=self._next_id,
            suspended=self._suspended,
            custom_status=self._custom_status(),
            sets_custom_status=True,
            completion=self._completion() if self._at_end and not self._open else None,
        )

    def give_up(self, completion: Completion) -> Decision:
        """End the execution and leave out every command."""
        return Decision([], self._cancelled, self._next_id, completion=completion)

    def _completion(self) -> Completion | None:
        if self._reply.error is not None:
            return failed(self._started["Name"], self._reply.error)
        if self._continue_with is not None:
            return Completion(
                RuntimeStatus.CONTINUED_AS_NEW, self._continue_with, carried=list(self._carried)
            )
        if not self._reply.is_done:
            return None  # the SDK waits for something that this side thinks is over; the real host hangs too
        return Completion(RuntimeStatus.COMPLETED, jsontext.dumps(self._reply.output))

    def _custom_status(self) -> str | None:
        if self._reply.custom_status is None:
            return None
        text = jsontext.dumps(self._reply.custom_status)
        size = len(text.encode("utf-16-le"))
        if size > _CUSTOM_STATUS_BYTES:
            raise OrchestrationError(
                "The UTF-16 size of the JSON-serialized payload must not exceed 16 KB. "
                f"The current payload size is {size // 1024} KB."
            )
        return text


def _checked_time(text: str) -> str:
    try:
        timestamps.parse(text)
    except ValueError as error:
        raise OrchestrationError(f"The time of a timer cannot be read: {error}.") from error
    return text


def _scheduling_command(action: dict[str, Any], number: int, execution_id: str) -> Command:
    kind = action["actionType"]
    if kind == ActionType.CallHttp:
        return Command(
            EventType.TaskScheduled, number, HTTP_ACTIVITY, jsontext.encode([action["httpRequest"]])
        )
    name, text = action["functionName"], action.get("input") or "null"
    if kind in (ActionType.CallActivity, ActionType.CallActivityWithRetry):
        return Command(EventType.TaskScheduled, number, name, text)
    return Command(
        EventType.SubOrchestrationInstanceCreated,
        number,
        name,
        jsontext.encode(text),
        target=action.get("instanceId") or f"{execution_id}:{number}",
        version=action.get("version"),
    )


_HANDLERS: dict[int, Callable[[Interpretation, Event], None]] = {
    EventType.ExecutionStarted: Interpretation._on_started,
    EventType.ExecutionTerminated: Interpretation._on_terminated,
    EventType.EventRaised: Interpretation._on_event_raised,
    EventType.ExecutionSuspended: Interpretation._on_suspended,
    EventType.ExecutionResumed: Interpretation._on_resumed,
}
_STARTERS: dict[int, Callable[[Interpretation, dict[str, Any]], Task]] = {
    ActionType.CallActivity: Interpretation._start_task,
    ActionType.CallActivityWithRetry: Interpretation._start_retries,
    ActionType.CallSubOrchestrator: Interpretation._start_task,
    ActionType.CallSubOrchestratorWithRetry: Interpretation._start_retries,
    ActionType.ContinueAsNew: Interpretation._start_continue_as_new,
    ActionType.CreateTimer: Interpretation._start_timer,
    ActionType.WaitForExternalEvent: Interpretation._start_wait,
    ActionType.CallEntity: Interpretation._start_entity_call,
    ActionType.CallHttp: Interpretation._start_task,
    ActionType.SignalEntity: Interpretation._start_signal,
    ActionType.ScheduledSignalEntity: Interpretation._start_signal,
    ActionType.WhenAny: Interpretation._start_any,
    ActionType.WhenAll: Interpretation._start_all,
}
