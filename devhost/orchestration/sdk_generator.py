"""A generator of the SDK that lives on between episodes: the one module that leans on the SDK's internals.

The SDK replays an orchestration from its whole history at every call and keeps nothing. Its executor can be
fed event by event all the same, which costs as much as the new events do. Before this is used,
`devhost.orchestration.sdk_probe` makes sure that the SDK is one that behaves like that.

What is leaned on: ``execute``, ``process_event``, ``has_execution_completed`` and
``get_orchestrator_state_str`` of TaskOrchestrationExecutor; ``_action_payload_v2``, ``_add_to_actions``,
``_set_is_replaying`` and ``_histories`` of DurableOrchestrationContext; that an event hands on what it is
given as IsPlayed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import GeneratorType
from typing import Any

from azure.durable_functions.models.actions.CompoundAction import CompoundAction
from azure.durable_functions.models.actions.CreateTimerAction import CreateTimerAction
from azure.durable_functions.models.DurableOrchestrationContext import DurableOrchestrationContext
from azure.durable_functions.models.history.HistoryEvent import HistoryEvent
from azure.durable_functions.models.TaskOrchestrationExecutor import TaskOrchestrationExecutor
from azure.durable_functions.models.utils.df_serialization import df_dumps

from devhost import jsontext
from devhost.orchestration.actions import failure_part
from devhost.orchestration.history import INPUTS, Event, EventType, context_head

__all__ = ["KeptGenerator", "NotKept"]

# What `process_event` does something with. All others would be made into objects for nothing.
_FED = INPUTS | {EventType.OrchestratorStarted, EventType.EventSent, EventType.ContinueAsNew}


class NotKept(Exception):
    """This orchestration cannot be kept alive; a plain replay does it."""


class _Episode:
    """Stands for IsPlayed in the events of one episode: false while that runs, true ever after.

    The SDK copies the mark from event to task and from task to task, so one object for all of them is changed
    in one place when the episode is over. It is true as a condition, for the SDK writes ``played or …``.
    """

    __slots__ = ("past",)

    def __init__(self) -> None:
        self.past = False


class _Context(DurableOrchestrationContext):
    """The user's context, whose history is made into objects only when the user's code asks for it."""

    _history_source: Callable[[], list[HistoryEvent]] | None = None
    _standing: Callable[[], tuple[str, int, str]] | None = None
    _places: list[tuple[str, int, str]]

    @property
    def _histories(self) -> list[HistoryEvent]:
        return self._first_histories if self._history_source is None else self._history_source()

    @_histories.setter
    def _histories(self, value: list[HistoryEvent]) -> None:  # pyright: ignore  a field in the base class
        self._first_histories = value

    def _set_is_replaying(self, is_replaying: Any) -> None:
        past = is_replaying.past if isinstance(is_replaying, _Episode) else is_replaying
        super()._set_is_replaying(past)

    def _add_to_actions(self, action_repr: Any) -> None:
        before = len(self._action_payload_v2)
        super()._add_to_actions(action_repr)
        if self._standing is not None and len(self._action_payload_v2) > before:
            self._places.append(self._standing())


class _Executor(TaskOrchestrationExecutor):
    """The SDK's executor, which tells its state only when it is asked to."""

    def get_orchestrator_state_str(self) -> str:
        return ""

    def reply(self) -> str:
        return super().get_orchestrator_state_str()


class KeptGenerator:
    """One execution in the SDK's hands.

    ``handle`` is what the SDK made of the orchestrator function, ``started`` the ExecutionStarted event.
    `run` it once with the events of all episodes so far, then with those of each new one. It raises NotKept,
    and what escapes the SDK (SystemExit of user code, a result that is no JSON); then it is of no more use.
    """

    def __init__(self, handle: Any, started: Event):
        self._function = _function(handle)
        self._input_type = getattr(handle, "_df_input_type", None)
        self._started = started
        self._executor = _Executor()
        self._context: Any = None
        self._generator: Any = None
        self._episode = _Episode()
        self._actions_told = 0
        self._timers: list[tuple[CreateTimerAction, dict[str, Any]]] = []
        self._past: list[Event] = []
        self._new: list[Event] = []
        self._shown: list[HistoryEvent] = []

    # -- running

    def run(self, past: list[Event], fed: int, new: list[Event]) -> None:
        """Take in ``past[fed:]``, which is history, and ``new``, the events of this episode.

        ``past`` is the whole history and is not copied; the user's code may look at it.
        """
        self._past, self._new, self._shown = past, new, []
        self._episode.past = True
        self._episode = _Episode()
        if self._context is None:
            self._begin(past or new, played=bool(past))
            self._feed(past[2:], True)
            self._feed(new if past else new[2:], self._episode)
        else:
            self._feed(past[fed:], True)
            self._feed(new, self._episode)

    def _begin(self, events: Sequence[Event], *, played: bool) -> None:
        kinds = [one["EventType"] for one in events[:2]]
        if kinds != [EventType.OrchestratorStarted, EventType.ExecutionStarted]:
            raise NotKept("the history does not begin with the start of the execution")
        body = context_head(self._started, replaying=played)
        body["input"] = jsontext.value_or_string(self._started["Input"])
        body["history"] = [{**one, "IsPlayed": True if played else self._episode} for one in events[:2]]
        context = self._context = _Context(**body)
        context._input_expected_type = self._input_type  # pyright: ignore[reportAttributeAccessIssue]
        context._places = []
        first = context.histories
        context._history_source = self._histories
        context._standing = self._standing
        self._executor.execute(context, first, self._call)
        if self._generator is None and not self.done:
            raise NotKept("the orchestrator is not a generator function")

    def _call(self, context: Any) -> Any:
        made = self._function(context)
        if isinstance(made, GeneratorType):
            self._generator = made
        return made

    def _feed(self, events: Sequence[Event], played: Any) -> None:
        executor = self._executor
        for one in events:
            if one["EventType"] in _FED:
                if executor.has_execution_completed:
                    return
                executor.process_event(HistoryEvent(**{**one, "IsPlayed": played}))

    def _histories(self) -> list[HistoryEvent]:
        if not self._shown:
            played = [{**one, "IsPlayed": one["EventType"] in INPUTS} for one in self._past]
            self._shown = [HistoryEvent(**one) for one in (*played, *self._new)]
        return self._shown

    # -- the state

    @property
    def done(self) -> bool:
        """Whether the user's code has returned, raised or continued as new."""
        return self._executor.has_execution_completed

    def new_actions(self) -> list[dict[str, Any]]:
        """Return the actions since the last time this was asked, as they are in a reply."""
        added = self._context._action_payload_v2[self._actions_told :]
        self._actions_told += len(added)
        if not added:
            return []
        told = json.loads(df_dumps([one.to_json() for one in added]))
        for action, text in zip(added, told, strict=True):
            self._watch_timers(action, text)
        return told

    def _watch_timers(self, action: Any, told: dict[str, Any]) -> None:
        if isinstance(action, CreateTimerAction):
            if not action.is_cancelled:
                self._timers.append((action, told))
        elif isinstance(action, CompoundAction):
            for child, text in zip(action.compound_tasks, told["compoundActions"], strict=True):
                self._watch_timers(child, text)

    def cancelled(self) -> bool:
        """Tell whether timers were cancelled after they had been told as actions; those are changed now."""
        if not any(action.is_cancelled for action, _ in self._timers):
            return False
        for action, told in self._timers:
            told["isCanceled"] = action.is_cancelled
        self._timers = [pair for pair in self._timers if not pair[0].is_cancelled]
        return True

    def custom_status(self) -> Any:
        """Return the custom status as it is in a reply; None when it has none, or a false one."""
        status = self._context.custom_status
        return json.loads(df_dumps(status)) if status else None

    def reply(self) -> str:
        """Return the whole reply as JSON text, also where the SDK raises it as an exception."""
        try:
            return self._executor.reply()
        except Exception as error:  # the SDK's way of telling that the user's code failed
            text = failure_part(str(error))
            if text is None:
                raise
            return text

    # -- places

    def place(self, action: int | None = None) -> str:
        """Return the line of the user's code that asked for an action, else the one where the code stands."""
        places = self._context._places
        if action is not None and action < len(places):
            return _shown(places[action])
        if self._generator is None or self._generator.gi_frame is None:
            return f"the end of {self._function.__name__}"
        return _shown(self._standing())

    def _standing(self) -> tuple[str, int, str]:
        inner = self._generator
        if inner is None:
            return "", 0, self._function.__name__
        while isinstance(inner.gi_yieldfrom, GeneratorType) and inner.gi_yieldfrom.gi_frame is not None:
            inner = inner.gi_yieldfrom
        frame = inner.gi_frame
        return inner.gi_code.co_filename, (frame.f_lineno if frame else None) or 0, inner.gi_code.co_name


def _function(handle: Any) -> Any:
    function = getattr(handle, "orchestrator_function", None)
    if function is None:
        raise NotKept("the SDK does not tell the orchestrator function")
    return function


def _shown(place: tuple[str, int, str]) -> str:
    file, line, function = place
    return f"line {line} of {file} in {function}"
