"""One episode of a recorded instance, run again by the engine's own code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from devhost.app.index import AppIndex
from devhost.app.settings import DurableSettings
from devhost.engine.live import Live
from devhost.engine.models import RuntimeStatus
from devhost.orchestration.actions import InvalidReply, Reply, parse_failure, parse_reply
from devhost.orchestration.decision import Decision
from devhost.orchestration.episode import run_episode
from devhost.orchestration.history import Event, EventType, event
from devhost.orchestration.shim import interpret
from devhost.replay.trace import Trace, TracingRunner
from devhost.state.records import InstanceRecord

__all__ = ["Played", "Player", "interpreted"]


@dataclass(frozen=True)
class Played:
    """What today's code makes of a history.

    ``events`` is all that was fed to it, ``produced`` the events of the last episode as the engine would
    store them. ``reply`` is None when the SDK gave none.
    """

    events: list[Event]
    produced: list[Event]
    decision: Decision
    started: Event
    reply: Reply | None
    trace: Trace

    @property
    def completion(self) -> Event | None:
        """The ExecutionCompleted that the engine would store, None when the instance goes on."""
        return next((one for one in self.produced if one["EventType"] == EventType.ExecutionCompleted), None)


class _Catalog:
    """Knows every name: whether an activity is in the app is no question of replay, and tests leave them
    out.
    """

    def __init__(self, index: AppIndex):
        self._index = index

    def orchestrator(self, name: str) -> str | None:
        return self._index.orchestrator(name) or name

    def activity(self, name: str) -> str | None:
        return name

    def entity(self, name: str) -> str | None:
        return name

    def known_orchestrators(self) -> list[str]:
        return self._index.known_orchestrators()

    def known_activities(self) -> list[str]:
        return self._index.known_activities()

    def known_entities(self) -> list[str]:
        return self._index.known_entities()


class _Listening(TracingRunner):
    """Keeps the reply of the last replay."""

    def __init__(self, index: AppIndex):
        super().__init__(index)
        self.reply: Reply | None = None

    def run_orchestrator(self, function_name: str, context_json: str) -> str:
        self.reply = None
        try:
            text = super().run_orchestrator(function_name, context_json)
        except BaseException as error:
            self.reply = parse_failure(str(error))
            raise
        try:
            self.reply = parse_reply(text)
        except InvalidReply:
            self.reply = None
        return text


class Player:
    """Replays episodes of instances of one app. Versions are not compared: the code is asked, not the
    host.
    """

    def __init__(self, index: AppIndex, settings: DurableSettings):
        self._runner = _Listening(index)
        self._catalog = _Catalog(index)
        self._settings = replace(settings, default_version=None, store_inputs_in_orchestration_history=True)

    def play(self, before: Sequence[Event], inputs: Sequence[Event], stamp: int) -> Played:
        """Run the episode that follows ``before`` and takes in ``inputs``, at ``stamp`` (ticks)."""
        live = Live(_record(stamp), before)
        self._runner.reply, self._runner.trace = None, Trace()
        episode = run_episode(live, inputs, stamp, self._runner, self._catalog, self._settings)
        assert episode is not None, "a recording has its ExecutionStarted"
        fed = [*before, event(EventType.OrchestratorStarted, stamp), *inputs]
        runner = self._runner
        return Played(fed, episode.events, episode.decision, episode.started, runner.reply, runner.trace)


def _record(stamp: int) -> InstanceRecord:
    # run_episode reads the history only; the row of the instance is there for its owner, the engine.
    return InstanceRecord("replay", "", "", None, RuntimeStatus.RUNNING, None, None, None, stamp, stamp)


def interpreted(played: Played, events: Sequence[Event], actions: int | None = None) -> Decision:
    """Interpret the reply of a replay against other events, with all of its actions or the first few."""
    assert played.reply is not None
    reply = played.reply if actions is None else replace(played.reply, actions=played.reply.actions[:actions])
    return interpret(events, reply, played.started)
