"""An in-process host for tests of orchestrations: no HTTP, no storage account, and time that skips.

    host = Host(app, activities={"store": lambda invoice: "stored", "notify": None})
    status = host.run("approval", {"amount": "100.00"})
    assert status.runtime_status == "Running"
    host.advance(days=3)
    host.raise_event(status.instance_id, "decision", {"approved": True})
    assert host.status(status.instance_id).output == {"approved": True}

Everything runs in the test's own thread and in a fixed order. Each request is worked off before it returns,
until only timers and events are waited for; `Host.held` keeps several requests together. With a `Chaos` the
order comes from a seed, and so do faults (see `devhost.testing.simulation`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
from azure.durable_functions.models.utils.df_serialization import df_dumps
from azure.functions.decorators.function_app import DecoratorApi, FunctionRegister

from devhost import jsontext, timestamps
from devhost.app.index import AppIndex, import_app, index_app
from devhost.app.settings import Settings, load_settings
from devhost.clock import VirtualClock
from devhost.engine.engine import Engine
from devhost.engine.faults import HostCrash
from devhost.engine.models import EntityFilter, InstanceFilter, InstanceStatus
from devhost.errors import InstanceExists, InstanceNotFound
from devhost.orchestration.episode import Decider
from devhost.orchestration.keeping import StickySettings, sticky_decider
from devhost.orchestration.plain_replay import PlainReplay
from devhost.state.store import Store
from devhost.testing import invariants
from devhost.testing.lost_steps import LostSteps
from devhost.testing.simulation import Chaos, Orderly, SimulatedCrash, Simulation
from devhost.testing.stand_ins import HttpStandIn, InlineRunner, in_turn, replaced

__all__ = ["Chaos", "Host", "HostCrash", "Status", "VirtualClock", "in_turn"]

App = FunctionRegister | DecoratorApi | Iterable[DecoratorApi] | Path | str
_LONG = timedelta(days=3650)
_NOT_STICKY = "with sticky, orchestrations are kept in the host: no worker process can be lost with one"


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


class Host:
    """One durable host. Close it, or use it as a context manager.

    ``app`` is an app object, a blueprint or several, or the folder of a function_app.py.
    ``activities`` replaces activities by durable name: a function of the input, or a value to return.
    ``orchestrators`` replaces sub-orchestrations in the same way.
    ``http`` answers durable HTTP calls: a function from ``{"method", "uri", …}`` to
    ``{"statusCode", "headers", "content"}``; without it they are really made.
    ``state`` is a state file (default: in memory). ``seed`` does what is ready in another order; ``chaos``
    adds faults. Crashes of it are survived: the host starts again on the same state, and the request that was
    under way is sent again if it was not written. ``sticky`` keeps running orchestrations alive, as a host
    that is started does. ``durable`` overrides values of DurableSettings.
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
        chaos: Chaos | None = None,
        sticky: bool = False,
        **durable: Any,
    ):
        if sticky and chaos is not None and chaos.lost_orchestrator:
            raise ValueError(_NOT_STICKY)
        settings, index = _loaded(app)
        self.clock = clock or VirtualClock()
        self.calls: list[tuple[str, Any]] = []
        self._settings = replace(settings, durable=replace(settings.durable, **durable))
        self._index = replaced(index, activities or {}, orchestrators or {})
        self._world = _world(chaos, seed, self.clock, settings)
        inline = InlineRunner(self._index, dict(activities or {}), self.calls)
        self._runner = LostSteps(self._world.runner(inline), self._world.fate_of_step)
        self._http = self._world.http(HttpStandIn(http) if http else None)
        self._state = state
        self._sticky = sticky
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
            chance=self._world.chance,
            decider=self._decider(),
        )

    def _decider(self) -> Callable[[PlainReplay], Decider] | None:
        if not self._sticky:
            return None
        log = logging.getLogger("devhost.engine")
        return sticky_decider(lambda name: self._index.functions[name].call, StickySettings(), log)

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
        target = self.clock.ticks() + timestamps.from_delta(
            delta if delta is not None else timedelta(**units)
        )
        self._survive(lambda: self._world.advance(self.engine, target))

    def run_until_idle(self) -> None:
        """Work until only timers, slow activities and events are waited for."""
        self._survive(lambda: self._world.work(self.engine, whole=True))

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
            self._survive(lambda: self._world.work(self.engine))

    def _ask(self, request: Callable[[], Any]) -> None:
        """Send a request, and work."""
        self._survive(request, written_is_done=True)
        self._work()

    def _survive(self, action: Callable[[], Any], *, written_is_done: bool = False) -> None:
        """Do something again for as often as the simulation breaks it."""
        while True:
            try:
                action()
                return
            except SimulatedCrash as crash:
                self._start_again()
                if crash.committed and written_is_done:
                    return
            except sqlite3.OperationalError:
                if not self._world.survives:
                    raise

    # ---------------------------------------------------------------- instances

    def start(
        self, name: str, input: Any = None, *, instance_id: str | None = None, version: str | None = None
    ) -> str:
        """Start an orchestration as the SDK's client does and return its id."""
        text = None if input is None else _twice(input)
        chosen = instance_id or self._world.chance.new_id()

        def request() -> None:
            self.engine.start_instance(name, input=text, instance_id=chosen, version=version)

        self._survive(request, written_is_done=True)
        if self._world.repeats():
            with contextlib.suppress(InstanceExists):
                self._survive(request)
        self._work()
        return chosen

    def run(
        self, name: str, input: Any = None, *, instance_id: str | None = None, version: str | None = None
    ) -> Status:
        """Start an orchestration, work until it is done or waits, and return its status with history."""
        return self.status(self.start(name, input, instance_id=instance_id, version=version), history=True)

    def finish(self, instance_id: str, within: timedelta = _LONG) -> Status:
        """Skip from timer to timer until the instance has finished; returns its status with history.

        Raises AssertionError when it waits for something else, or longer than ``within``.
        """
        end = self.clock.ticks() + timestamps.from_delta(within)
        self.run_until_idle()
        while not (status := self.status(instance_id, history=True)).finished:
            due = self._world.next_due(self.engine)
            if due is None or due > end:
                raise AssertionError(f"{status.name} {instance_id} has not finished: {status}")
            self._survive(lambda target=due: self._world.advance(self.engine, target))
        return status

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
        text = jsontext.dumps(data) if over_http else _twice(data)
        for _ in range(1 + self._world.repeats()):
            self._survive(lambda: self.engine.raise_event(instance_id, name, text), written_is_done=True)
        self._work()

    def terminate(self, instance_id: str, reason: str = "") -> None:
        """End an instance."""
        self._ask(lambda: self.engine.terminate(instance_id, reason))

    def suspend(self, instance_id: str, reason: str = "") -> None:
        """Suspend an instance."""
        self._ask(lambda: self.engine.suspend(instance_id, reason))

    def resume(self, instance_id: str, reason: str = "") -> None:
        """Let a suspended instance go on."""
        self._ask(lambda: self.engine.resume(instance_id, reason))

    def rewind(self, instance_id: str, reason: str = "") -> None:
        """Let a failed instance go on from before its failure."""
        self._ask(lambda: self.engine.rewind(instance_id, reason))

    def purge(self, instance_id: str) -> None:
        """Delete a finished instance."""
        self._survive(lambda: self.engine.purge(instance_id), written_is_done=True)

    # ---------------------------------------------------------------- entities and calls

    def signal_entity(self, name: str, key: str, operation: str, input: Any = None) -> None:
        """Send a signal as the SDK's client does (which leaves out an input that is false)."""
        text = _twice(input) if input else None
        self._ask(lambda: self.engine.signal_entity(name, key, operation, text))

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

    @property
    def steps(self) -> int:
        """The number of steps of orchestrations so far, for `lose_orchestrator`."""
        return self._runner.count

    def lose_orchestrator(self, at: int, when: str = "before") -> None:
        """Let the worker process die with the ``at``-th step of an orchestration, counted from 1.

        ``before`` its code runs, or ``after``, when nobody has heard of it. The instance then ends Failed for
        good, as on the real host: with ``python3 exited with code 137`` when it had scheduled nothing yet,
        else with ``Non-Deterministic workflow detected``. ``half``: the first step from ``at`` on of an
        instance that has scheduled something, so that it ends in the second way.
        """
        if self._sticky:
            raise ValueError(_NOT_STICKY)
        self._runner.lose(at, when)

    def _at_commit(self, when: str, number: int) -> None:
        if self._crash == (number, when):
            self._crash = None
            raise HostCrash
        self._world.at_commit(when, number)

    def restart(self, **durable: Any) -> None:
        """Start anew on the same state, as a new process does; replacements and calls are kept.

        ``durable`` overrides values of DurableSettings, as when something new was deployed.
        """
        self._settings = replace(self._settings, durable=replace(self._settings.durable, **durable))
        self._start_again()
        self._work()

    def _start_again(self) -> None:
        self.engine.stop()
        self._world.restarted()
        if self._state is not None:
            self._store.close()
            self._store = Store.open(self._state, hook=self._at_commit)
        self.engine = self._new_engine()

    @property
    def trace(self) -> list[str]:
        """What a simulated run consisted of; two runs of one seed have the same."""
        return list(self._world.trace)

    def check_invariants(self) -> None:
        """Raise AssertionError with all that is wrong in the state, whatever the app does.

        Histories are well-formed, and each task that is open is known to whoever has to end it. The host is
        started again for that, and no more faults happen.
        """
        self._world.calm()
        self.restart()
        self.run_until_idle()
        if problems := invariants.problems(self._store):
            raise AssertionError("\n".join(problems))


def _world(
    chaos: Chaos | None, seed: int | None, clock: VirtualClock, settings: Settings
) -> Orderly | Simulation:
    if chaos is None and seed is None:
        return Orderly()
    return Simulation(chaos or Chaos(seed or 0), clock, settings.function_timeout)


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
