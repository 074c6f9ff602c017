"""An in-process host for tests of orchestrations: no HTTP, no storage account, and time that skips.

    host = Host(app, activities={"store": lambda invoice: "stored", "notify": None})
    status = host.run("approval", {"amount": "100.00"})
    assert status.runtime_status == "Running"
    host.advance(days=3)
    host.raise_event(status.instance_id, "decision", {"approved": True})
    assert host.status(status.instance_id).output == {"approved": True}

Everything runs in the test's own thread and in a fixed order. Each request is worked off before it returns,
until only timers and events are waited for; `Host.held` keeps several requests together.
"""

from __future__ import annotations

import contextlib
import json
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
from azure.durable_functions.models.utils.df_serialization import df_dumps
from azure.functions.decorators.function_app import DecoratorApi, FunctionRegister

from devhost import jsontext
from devhost.app_index import AppIndex, import_app, index_app
from devhost.chance import Chance
from devhost.clock import VirtualClock
from devhost.engine import Engine
from devhost.errors import InstanceNotFound
from devhost.faults import HostCrash
from devhost.models import EntityFilter, InstanceFilter, InstanceStatus
from devhost.settings import Settings, load_settings
from devhost.stand_ins import HttpStandIn, InlineRunner, replaced
from devhost.store import Store

__all__ = ["Host", "HostCrash", "Status", "VirtualClock", "in_turn"]

App = FunctionRegister | DecoratorApi | Iterable[DecoratorApi] | Path | str
_LONG = timedelta(days=3650)


@dataclass(frozen=True)
class Status:
    """One instance, with its values parsed. ``history`` is None unless it was asked for."""

    instance_id: str
    name: str
    runtime_status: str
    input: Any
    output: Any
    custom_status: Any
    created: datetime
    updated: datetime
    history: list[dict[str, Any]] | None = None

    @property
    def finished(self) -> bool:
        """Whether it is Completed, Failed, Terminated or Canceled."""
        return self.runtime_status in ("Completed", "Failed", "Terminated", "Canceled")

    @property
    def events(self) -> list[str]:
        """The types of the history's events, in order."""
        return [event["EventType"] for event in self.history or []]


def in_turn(*outcomes: Any) -> Callable[[Any], Any]:
    """Return a replacement that gives one outcome per call: a value, or an exception that it raises.

    The last one goes on for ever: ``in_turn(OSError("busy"), "done")`` fails once.
    """
    if not outcomes:
        raise ValueError("in_turn needs at least one outcome")
    left = list(outcomes)

    def replacement(_: Any) -> Any:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return replacement


class Host:
    """One durable host. Close it, or use it as a context manager.

    ``app`` is an app object, a blueprint or several, or the folder of a function_app.py.
    ``activities`` replaces activities by durable name: a function of the input, or a value to return.
    ``orchestrators`` replaces sub-orchestrations in the same way.
    ``http`` answers durable HTTP calls: a function from ``{"method", "uri", …}`` to
    ``{"statusCode", "headers", "content"}``; without it they are really made.
    ``state`` is a state file (default: in memory); ``seed`` runs instances that are ready in another order.
    ``durable`` overrides values of DurableSettings.
    """

    def __init__(
        self,
        app: App,
        *,
        activities: Mapping[str, Any] | None = None,
        orchestrators: Mapping[str, Any] | None = None,
        http: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        clock: VirtualClock | None = None,
        state: Path | str | None = None,
        seed: int | None = None,
        **durable: Any,
    ):
        settings, index = _loaded(app)
        self.clock = clock or VirtualClock()
        self.calls: list[tuple[str, Any]] = []
        self._settings = replace(settings, durable=replace(settings.durable, **durable))
        self._index = replaced(index, activities or {}, orchestrators or {})
        self._runner = InlineRunner(self._index, dict(activities or {}), self.calls)
        self._http = HttpStandIn(http) if http else None
        self._state = state
        self._choose = random.Random(seed).randrange if seed is not None else None  # noqa: S311 - an order
        self._holds = 0
        self._crash: tuple[int, str] | None = None
        self._store = Store.open(state, hook=self._at_commit)
        self.engine = self._new_engine()

    def _new_engine(self) -> Engine:
        return Engine(
            store=self._store,
            clock=self.clock,
            runner=self._runner,
            catalog=self._index,
            settings=self._settings.durable,
            http=self._http,
            chance=Chance(self._choose),
        )

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop, and close the state file."""
        self.engine.stop()
        self._store.close()

    # ---------------------------------------------------------------- time and order

    @property
    def now(self) -> datetime:
        """The virtual time, aware, in UTC."""
        return self.clock.now()

    def advance(self, delta: timedelta | None = None, **units: float) -> None:
        """Move time forward (``advance(days=3)``), firing each timer on the way at its own time."""
        self.engine.advance(delta if delta is not None else timedelta(**units))

    def run_until_idle(self) -> None:
        """Work until only timers and events are waited for."""
        self.engine.run_until_idle()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold back all work inside of the block, so that what is sent there arrives together."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
        self._work()

    def _work(self) -> None:
        if not self._holds:
            self.engine.run_until_idle()

    # ---------------------------------------------------------------- instances

    def start(
        self, name: str, input: Any = None, *, instance_id: str | None = None, version: str | None = None
    ) -> str:
        """Start an orchestration as the SDK's client does and return its id."""
        text = None if input is None else _twice(input)
        started = self.engine.start_instance(name, input=text, instance_id=instance_id, version=version)
        self._work()
        return started

    def run(
        self, name: str, input: Any = None, *, instance_id: str | None = None, version: str | None = None
    ) -> Status:
        """Start an orchestration, work until it is done or waits, and return its status with history."""
        return self.status(self.start(name, input, instance_id=instance_id, version=version), history=True)

    def finish(self, instance_id: str, within: timedelta = _LONG) -> Status:
        """Skip from timer to timer until the instance has finished; returns its status with history.

        Raises AssertionError when it waits for something else, or longer than ``within``.
        """
        end = self.now + within
        self.run_until_idle()
        while not (status := self.status(instance_id, history=True)).finished:
            step = self._next_timer()
            if step is None or self.now + step > end:
                raise AssertionError(f"{status.name} {instance_id} has not finished: {status}")
            self.engine.advance(step)
        return status

    def _next_timer(self) -> timedelta | None:
        due = self.engine.next_due()
        # A tick is 100 ns; timedelta holds whole microseconds, so round up to reach the timer.
        return None if due is None else timedelta(microseconds=max(0, -(-(due - self.clock.ticks()) // 10)))

    def status(self, instance_id: str, *, history: bool = False) -> Status:
        """Return the state of an instance. Raises InstanceNotFound."""
        found = self.engine.status(instance_id, show_history=history, show_history_output=history)
        if found is None:
            raise InstanceNotFound(instance_id)
        return _status(found)

    def instances(self, prefix: str | None = None) -> list[Status]:
        """Return all instances, entities included, in the order of their ids."""
        page = self.engine.list_instances(InstanceFilter(prefix=prefix, top=1_000_000))
        return [_status(one) for one in page.instances]

    def raise_event(self, instance_id: str, name: str, data: Any = None, *, over_http: bool = False) -> None:
        """Raise an event as the SDK's client does: the orchestration then gets JSON text.

        With ``over_http`` as a POST to the management API does: it gets the value.
        """
        self.engine.raise_event(instance_id, name, jsontext.dumps(data) if over_http else _twice(data))
        self._work()

    def terminate(self, instance_id: str, reason: str = "") -> None:
        """End an instance."""
        self.engine.terminate(instance_id, reason)
        self._work()

    def suspend(self, instance_id: str, reason: str = "") -> None:
        """Suspend an instance."""
        self.engine.suspend(instance_id, reason)
        self._work()

    def resume(self, instance_id: str, reason: str = "") -> None:
        """Let a suspended instance go on."""
        self.engine.resume(instance_id, reason)
        self._work()

    def rewind(self, instance_id: str, reason: str = "") -> None:
        """Let a failed instance go on from before its failure."""
        self.engine.rewind(instance_id, reason)
        self._work()

    def purge(self, instance_id: str) -> None:
        """Delete a finished instance."""
        self.engine.purge(instance_id)

    # ---------------------------------------------------------------- entities and calls

    def signal_entity(self, name: str, key: str, operation: str, input: Any = None) -> None:
        """Send a signal as the SDK's client does (which leaves out an input that is false)."""
        self.engine.signal_entity(name, key, operation, _twice(input) if input else None)
        self._work()

    def entity(self, name: str, key: str) -> Any:
        """Return the state of an entity, None when it does not exist."""
        text = self.engine.read_entity(name, key)
        return None if text is None else json.loads(text)

    def entities(self, name: str | None = None) -> dict[tuple[str, str], Any]:
        """Return the states of all entities by name and key."""
        page = self.engine.list_entities(EntityFilter(name=name, fetch_state=True, top=1_000_000))
        return {(one.name, one.key): one.payload()["state"] for one in page.entities}

    def calls_of(self, name: str) -> list[Any]:
        """Return the inputs of all runs of an activity so far, in order. ``calls`` has them with names."""
        return [value for called, value in self.calls if called.lower() == name.lower()]

    # ---------------------------------------------------------------- faults

    @property
    def commits(self) -> int:
        """The number of transactions so far, for `crash_at`."""
        return self._store.commits

    def crash_at(self, commit: int, when: str = "before") -> None:
        """Die right ``before`` or ``after`` a commit, counted from 1; what runs then raises HostCrash.

        `restart` brings the host back with what was committed.
        """
        if when not in ("before", "after"):
            raise ValueError(f"when is 'before' or 'after', not {when!r}")
        self._crash = (commit, when)

    def _at_commit(self, when: str, number: int) -> None:
        if self._crash == (number, when):
            self._crash = None
            raise HostCrash

    def restart(self) -> None:
        """Start anew on the same state, as a new process does; replacements and calls are kept."""
        self.engine.stop()
        if self._state is not None:
            self._store.close()
            self._store = Store.open(self._state, hook=self._at_commit)
        self.engine = self._new_engine()
        self._work()


def _status(found: InstanceStatus) -> Status:
    body = found.payload()
    return Status(
        instance_id=found.instance_id,
        name=found.name,
        runtime_status=body["runtimeStatus"],
        input=body["input"],
        output=body["output"],
        custom_status=body["customStatus"],
        created=found.created,
        updated=found.updated,
        history=found.history,
    )


def _twice(value: Any) -> str:
    """JSON text inside of a JSON string: what the SDK's client sends."""
    return jsontext.dumps(df_dumps(value))


def _loaded(app: App) -> tuple[Settings, AppIndex]:
    if isinstance(app, (str, Path)):
        settings = load_settings(Path(app).resolve())
        return settings, index_app(import_app(settings.app_folder), settings)
    if not isinstance(app, FunctionRegister):
        built = df.DFApp()
        for blueprint in [app] if isinstance(app, DecoratorApi) else app:
            built.register_functions(blueprint)
        app = built
    settings = Settings(app_folder=Path(tempfile.gettempdir()), values={})
    return settings, index_app(app, settings)
