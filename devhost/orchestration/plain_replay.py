"""The plain way to decide an episode: call the user's code with the whole history and interpret its reply."""

from __future__ import annotations

import itertools
import traceback
from dataclasses import replace

from devhost import jsontext
from devhost.app.settings import DurableSettings
from devhost.engine.faults import HostCrash
from devhost.engine.live import Live
from devhost.engine.ports import (
    ActivityError,
    ActivityOutcome,
    NoReply,
    NotStarted,
    Runner,
    TimedOut,
    WorkerLost,
)
from devhost.orchestration.actions import InvalidReply, Reply, failure_part, parse_reply
from devhost.orchestration.decision import Completion, Decision, failed
from devhost.orchestration.history import Event, context_json
from devhost.orchestration.shim import interpret

__all__ = ["PlainReplay", "ended"]


class PlainReplay:
    """Replays by calling the SDK with everything, each time; it keeps nothing."""

    def __init__(self, runner: Runner, settings: DurableSettings):
        self._runner = runner
        self._max_actions = settings.max_orchestration_actions

    @property
    def max_actions(self) -> int:
        """How many actions one execution may have."""
        return self._max_actions

    def decide(self, live: Live, new: list[Event], started: Event, function: str) -> Decision:
        """Say what follows from the history of ``live`` and the new events."""
        try:
            text = self.text(live, new, started, function)
        except NoReply as none:
            return self.unanswered(live, new, started, none.error)
        if isinstance(text, Completion):
            return ended(text, live)
        return self.interpreted(live, new, started, text)

    def context(self, live: Live, new: list[Event], started: Event) -> str:
        """Return the text with which a replay is asked for."""
        return context_json(live.history, new, started)

    def decided(self, live: Live, new: list[Event], started: Event, outcome: ActivityOutcome) -> Decision:
        """Say what follows from a replay elsewhere. Raises NoReply when it is to be tried again."""
        error = outcome.error
        if error is None:
            return self.interpreted(live, new, started, outcome.result or "")
        if isinstance(error, (WorkerLost, TimedOut, NotStarted)):
            return self.unanswered(live, new, started, error)
        text = failure_part(error.message)
        if text is None:
            return ended(_broken(started["Name"], error.message, error.traceback), live)
        return self.interpreted(live, new, started, text)

    def unanswered(self, live: Live, new: list[Event], started: Event, error: ActivityError) -> Decision:
        """Say what follows when the worker process died: the end, as on the real host.

        There the failure counts as a reply without actions. So it is the failure of an orchestration that has
        scheduled nothing yet, and any other is found to differ from its history. The custom status goes too.
        Raises NoReply for another error: such a step is to be tried again.
        """
        if not isinstance(error, WorkerLost):
            raise NoReply(error)
        reply = Reply(False, error=f"One or more errors occurred. ({error.message})")
        decision = interpret(itertools.chain(live.history.events, new), reply, started, self._max_actions)
        return replace(decision, custom_status=None, sets_custom_status=True)

    def interpreted(self, live: Live, new: list[Event], started: Event, text: str) -> Decision:
        """Interpret the text of a reply."""
        try:
            reply: Reply = parse_reply(text)
        except InvalidReply as error:
            return ended(_broken(started["Name"], _described(error), ""), live)
        return interpret(itertools.chain(live.history.events, new), reply, started, self._max_actions)

    def text(self, live: Live, new: list[Event], started: Event, function: str) -> str | Completion:
        """Replay and return the SDK's reply as JSON text.

        A failure that the SDK describes is a reply like any other; another one is the end of the execution.
        Raises NoReply when nobody ran it to its end.
        """
        try:
            return self._runner.run_orchestrator(function, self.context(live, new, started))
        except (HostCrash, NoReply):
            raise
        except BaseException as error:  # noqa: BLE001  user code may raise anything, SystemExit too
            text = failure_part(str(error))
            if text is not None:
                return text
            return _broken(started["Name"], _described(error), traceback.format_exc())


def ended(completion: Completion, live: Live) -> Decision:
    """Return the decision to end an execution as it stands."""
    used = [one["EventId"] for one in live.history.events]
    return Decision([], set(), max(used, default=-1) + 1, completion=completion)


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _broken(name: str, error: str, stack: str) -> Completion:
    inner = f"Result: Failure\nException: {error}\nStack: {stack}"
    text = jsontext.clean(f"One or more errors occurred. ({inner})")
    return failed(name, text, jsontext.clean(stack))
