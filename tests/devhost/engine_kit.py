"""A small host for tests: real SDK orchestrators on the real engine, runner and catalog in memory."""

from __future__ import annotations

import functools
import json
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import azure.durable_functions as df
from azure.durable_functions.models.utils.df_serialization import df_dumps, df_loads

from devhost.app.settings import DurableSettings
from devhost.clock import Clock, VirtualClock
from devhost.engine.chance import Chance
from devhost.engine.engine import Engine
from devhost.engine.models import InstanceStatus
from devhost.engine.ports import ActivityError, ActivityOutcome, StepKind, StepRunner
from devhost.state.store import CommitHook, Store

START = datetime(2024, 1, 1, tzinfo=UTC)
# What decides episodes, made of (a function that finds orchestrators, a PlainReplay); None: the latter.
DECIDER: Callable[[Callable[[str], Any], Any], Any] | None = None
# What runs steps elsewhere, made of the App; None: the engine runs them itself.
STEP_RUNNER: Callable[[App], StepRunner] | None = None


class App:
    """Functions by name; a catalog and a runner at once. Activities run at once, in the caller's thread."""

    def __init__(self) -> None:
        self.orchestrators: dict[str, Callable[[Any], str]] = {}
        self.activities: dict[str, Callable[[Any], Any]] = {}
        self.entities: dict[str, Callable[[Any], str]] = {}
        self.ran: list[tuple[str, Any]] = []
        self.replays = 0
        self.held: list[tuple[str, str, Callable[[ActivityOutcome], None]]] | None = None

    # -- registration

    def orchestrates(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.orchestrators[function.__name__] = df.Orchestrator.create(function)
        return function

    def activity(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        self.activities[function.__name__] = function
        return function

    def entity_of(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        self.entities[function.__name__] = df.Entity.create(function)
        return function

    # -- catalog

    def orchestrator(self, name: str) -> str | None:
        return _found(self.orchestrators, name)

    def known_orchestrators(self) -> list[str]:
        return sorted(self.orchestrators)

    def known_activities(self) -> list[str]:
        return sorted(self.activities)

    def known_entities(self) -> list[str]:
        return sorted(self.entities)

    def entity(self, name: str) -> str | None:
        return _found(self.entities, name)

    # -- runner

    def run_orchestrator(self, function_name: str, context_json: str) -> str:
        self.replays += 1
        return self.orchestrators[function_name](context_json)

    def run_entity(self, function_name: str, batch_json: str) -> str:
        return self.entities[function_name](batch_json)

    def submit_activity(
        self, function_name: str, input_json: str, done: Callable[[ActivityOutcome], None]
    ) -> None:
        if self.held is not None:  # a test wants to end it by hand
            self.held.append((function_name, input_json, done))
            return
        done(self.outcome(function_name, input_json))

    def outcome(self, function_name: str, input_json: str) -> ActivityOutcome:
        value = df_loads(input_json)
        self.ran.append((function_name, value))
        try:
            return ActivityOutcome(df_dumps(self.activities[function_name](value)))
        except Exception as error:  # noqa: BLE001  as the worker does
            return ActivityOutcome(
                error=ActivityError(f"{type(error).__name__}: {error}", traceback.format_exc())
            )


class StepsElsewhere:
    """Runs the steps of an App as a worker process does; ``held`` those that a test wants to end itself."""

    def __init__(self, app: App):
        self._app = app
        self.holds = False
        self.held: list[HeldStep] = []
        self.refuses: Exception | None = None

    def submit_step(
        self, kind: StepKind, function_name: str, text: str, done: Callable[[ActivityOutcome], None]
    ) -> None:
        if self.refuses is not None:
            raise self.refuses
        run = self._app.run_entity if kind is StepKind.ENTITY else self._app.run_orchestrator
        step = HeldStep(kind, function_name, text, functools.partial(run, function_name, text), done)
        if self.holds:
            self.held.append(step)
        else:
            step.end()


@dataclass(frozen=True)
class HeldStep:
    """One step that has been handed out."""

    kind: StepKind
    function: str
    text: str
    run: Callable[[], str]
    done: Callable[[ActivityOutcome], None]

    def end(self, error: ActivityError | None = None) -> None:
        """Run it and answer, or let it end with an error."""
        self.done(ActivityOutcome(error=error) if error else self._outcome())

    def _outcome(self) -> ActivityOutcome:
        try:
            return ActivityOutcome(self.run())
        except BaseException as error:  # noqa: BLE001  as the worker does
            return ActivityOutcome(
                error=ActivityError(f"{type(error).__name__}: {error}", traceback.format_exc())
            )


class AppCatalog:
    """The catalog of an App, whose `activity` is taken by the decorator."""

    def __init__(self, app: App):
        self._app = app
        self.orchestrator = app.orchestrator
        self.entity = app.entity
        self.known_orchestrators = app.known_orchestrators
        self.known_activities = app.known_activities
        self.known_entities = app.known_entities

    def activity(self, name: str) -> str | None:
        return _found(self._app.activities, name)


def _found(functions: dict[str, Any], name: str) -> str | None:
    return next((one for one in functions if one.lower() == name.lower()), None)


class ThreadedApp(App):
    """Runs activities in threads, as a worker does."""

    def __init__(self, threads: int = 4) -> None:
        super().__init__()
        self.pool = ThreadPoolExecutor(threads)
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()

    def submit_activity(
        self, function_name: str, input_json: str, done: Callable[[ActivityOutcome], None]
    ) -> None:
        def work() -> None:
            with self._lock:
                self._now += 1
                self.most_at_once = max(self._now, self.most_at_once)
            outcome = self.outcome(function_name, input_json)
            with self._lock:
                self._now -= 1
            done(outcome)

        self.pool.submit(work)


class Host:
    """One life of a host: an engine on a store. Without `threaded`, everything runs in the test's thread."""

    def __init__(
        self,
        app: App,
        path: Path | None = None,
        *,
        clock: Clock | None = None,
        hook: CommitHook | None = None,
        threaded: bool = False,
        choose: Callable[[int], int] | None = None,
        **settings: Any,
    ):
        self.app = app
        self.clock = clock or VirtualClock(START)
        self.store = Store.open(path, hook=hook)
        self.engine = Engine(
            store=self.store,
            clock=self.clock,
            runner=app,
            catalog=AppCatalog(app),
            settings=DurableSettings(**settings),
            decider=DECIDER and functools.partial(DECIDER, app.orchestrators.__getitem__),
            chance=Chance(choose),
            step_runner=STEP_RUNNER and STEP_RUNNER(app),
        )
        if threaded:
            self.engine.start()

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.engine.stop()
        self.store.close()

    def run(self, name: str, value: Any = None, instance_id: str | None = None) -> InstanceStatus:
        """Start an orchestration as the SDK's client does, run until idle, and return its state."""
        started = self.start(name, value, instance_id)
        self.engine.run_until_idle()
        return self.status(started)

    def start(self, name: str, value: Any = None, instance_id: str | None = None) -> str:
        text = None if value is None else json.dumps(json.dumps(value))
        return self.engine.start_instance(name, input=text, instance_id=instance_id)

    def status(self, instance_id: str) -> InstanceStatus:
        found = self.engine.status(instance_id, show_history=True, show_history_output=True)
        assert found is not None
        return found

    def output(self, name: str, value: Any = None) -> Any:
        """Run an orchestration to its end and return its output."""
        status = self.run(name, value)
        assert status.status.finished, status
        return status.payload()["output"]


def events_of(status: InstanceStatus) -> list[str]:
    """The types of the events in a folded history."""
    return [row["EventType"] for row in status.history or []]
