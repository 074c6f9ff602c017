"""The composition of the host: what is made of what, in which order it starts and how it stops."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devhost.app.index import AppIndex, load_app
from devhost.app.settings import Settings, load_settings
from devhost.clock import SystemClock
from devhost.engine.chance import Chance
from devhost.engine.engine import Engine
from devhost.engine.ports import StepRunner
from devhost.engine.timer_heap import in_whole_seconds, on_time
from devhost.errors import PortInUse, StateFileError
from devhost.http.callers import LOOPBACK_NAMES, Callers, names_of
from devhost.http.calling import HttpCaller, InHost, InWorkers
from devhost.http.connections import Patience, serve
from devhost.http.durable_links import DurableLinks
from devhost.http.front import HttpFront, RpcFront
from devhost.http.keys import Keys, load_keys
from devhost.http.management import ManagementApi
from devhost.orchestration import sdk_speed
from devhost.orchestration.episode import Decider
from devhost.orchestration.keeping import StickySettings, sticky_decider
from devhost.orchestration.plain_replay import PlainReplay
from devhost.state.files import make_private_folder
from devhost.state.store import Store
from devhost.triggers.listeners import Triggers
from devhost.triggers.storage_io import StorageIO
from devhost.workers.invocation import Invoker
from devhost.workers.pool import WorkerPool
from devhost.workers.worker import ActivityThreads, Worker

__all__ = ["HostOptions", "RunningHost", "start_host"]

_log = logging.getLogger("devhost")
RPC_PORT = 17071
_STOP_SECONDS = 5.0
_ALL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - compared, not listened on


@dataclass(frozen=True)
class HostOptions:
    """How to start. ``port`` 0 takes a free one; ``state`` None keeps everything in memory.

    ``allowed_names``: host names that callers may use besides this machine's own, "*" for all of them.
    ``sticky`` None replays running orchestrations at each step instead of keeping them alive. With
    ``early_timers`` a timer fires up to a second early, as on the real host. With
    ``orchestrators_in_workers`` orchestrators and entities run in worker processes, and all steps are
    replays: ``sticky`` has no effect. With ``http_in_workers`` HTTP functions run there. With either there is
    at least one process.
    """

    app_folder: Path
    port: int | None = None
    address: str = "127.0.0.1"
    state: Path | None = None
    workers: int | None = None
    auth: bool = False
    log_format: str = "text"
    sticky: StickySettings | None = field(default_factory=StickySettings)
    early_timers: bool = False
    allowed_names: tuple[str, ...] = ()
    patience: Patience = field(default_factory=Patience)
    orchestrators_in_workers: bool = False
    http_in_workers: bool = False


@dataclass
class RunningHost:
    """A host that serves. ``origin`` is ``http://localhost:7071``; ``workers`` are its worker processes."""

    origin: str
    rpc_base_url: str
    index: AppIndex
    settings: Settings
    engine: Engine
    keys: Keys
    workers: int
    stop: Callable[[], Any]


async def start_host(options: HostOptions) -> RunningHost:
    """Start everything and return when requests are served.

    Raises DevhostError (SettingsError, AppError, PortInUse, StateFileError) with a text for people.
    """
    settings = load_settings(options.app_folder)
    for warning in settings.warnings:
        _log.warning("%s", warning)
    starting = _Starting(options, settings)
    try:
        return await starting.run()
    except BaseException:
        await starting.stop()
        raise


class _Starting:
    """Starts the parts one after the other, and knows how to stop those that run."""

    def __init__(self, options: HostOptions, settings: Settings):
        self._options = options
        self._settings = settings
        self._undo: list[Callable[[], Any]] = []

    async def run(self) -> RunningHost:
        options, settings = self._options, self._settings
        front_sockets = self._listen(options.address, _wanted_port(options, settings))
        rpc_socket = self._rpc_socket()
        port = front_sockets[0].getsockname()[1]
        _set_environment(settings, port)
        pool = self._worker_pool()
        index = load_app(settings)
        for warning in index.warnings:
            _log.warning("%s", warning)

        _make_folder(options.state)
        keys = load_keys(options.state.with_name("keys.json") if options.state and options.auth else None)
        links = DurableLinks(settings.durable.hub_name, keys.system)
        origin = f"http://{_shown_address(options.address)}:{port}"
        # Behind a proxy the URLs that instances are handed out with carry the name set from outside.
        public = f"http://{os.environ['WEBSITE_HOSTNAME']}"
        rpc_base_url = f"http://127.0.0.1:{rpc_socket.getsockname()[1]}/durabletask/"
        invoker = Invoker(links.client_binding(public, rpc_base_url), StorageIO(settings))
        worker = self._worker(index, invoker, pool)
        engine = self._engine(index, worker, pool if options.orchestrators_in_workers else None)
        management = ManagementApi(engine, links)
        self._undo.append(management.close)

        await self._serve(RpcFront(management).handle, [rpc_socket], Callers())
        triggers = Triggers(index, worker, settings, options.state and options.state.with_name("timers.json"))
        shown_keys = keys if options.auth else None
        caller = self._http_caller(worker, pool)
        front = HttpFront(index, caller, management, settings, triggers.run_by_hand, shown_keys)
        await self._serve(front.handle, front_sockets, self._callers())
        triggers.start()
        self._undo.append(triggers.stop)
        return RunningHost(
            origin,
            rpc_base_url,
            index,
            settings,
            engine,
            keys,
            len(pool.process_ids()) if pool else 0,
            self.stop,
        )

    def _http_caller(self, worker: Worker, pool: WorkerPool | None) -> HttpCaller:
        if self._options.http_in_workers and pool is not None:
            return InWorkers(pool)
        return InHost(worker, self._settings.function_timeout)

    def _listen(self, address: str, port: int) -> list[socket.socket]:
        first = _bound(address, port)
        self._undo.append(first.close)
        sockets = [first]
        if address == "127.0.0.1":
            # "localhost" is ::1 first on many systems; without this each such call pays for a refusal.
            try:
                sockets.append(_bound("::1", first.getsockname()[1]))
                self._undo.append(sockets[1].close)
            except OSError:
                pass
        return sockets

    def _rpc_socket(self) -> socket.socket:
        try:
            bound = _bound("127.0.0.1", RPC_PORT if self._options.port != 0 else 0, listening=True)
        except PortInUse:
            bound = _bound("127.0.0.1", 0, listening=True)
        self._undo.append(bound.close)
        return bound

    def _worker_pool(self) -> WorkerPool | None:
        """Start the worker processes before the app is imported here: they import it at the same time."""
        wanted = self._options.workers
        count = self._settings.worker_process_count if wanted is None else wanted
        if count <= 1 and not (self._options.orchestrators_in_workers or self._options.http_in_workers):
            return None
        pool = WorkerPool(
            max(count, 1),
            self._settings.app_folder,
            limit=self._settings.function_timeout,
            log_format=self._options.log_format,
        )
        self._undo.append(pool.stop)
        return pool

    def _worker(self, index: AppIndex, invoker: Invoker, pool: WorkerPool | None) -> Worker:
        threads = self._settings.thread_count
        if pool is not None:
            pool.open(invoker.client_binding)
        activities = pool or ActivityThreads(index, invoker, threads, self._settings.function_timeout)
        worker = Worker(index, invoker, activities, threads)
        self._undo.append(worker.stop)
        return worker

    def _engine(self, index: AppIndex, worker: Worker, step_runner: StepRunner | None) -> Engine:
        path = self._options.state
        store = Store.open(path)
        self._undo.append(store.close)
        engine = Engine(
            store=store,
            clock=SystemClock(),
            runner=worker,
            catalog=index,
            settings=self._settings.durable,
            chance=Chance(fires=in_whole_seconds if self._options.early_timers else on_time),
            decider=self._decider(index) if step_runner is None else None,
            step_runner=step_runner,
        )
        engine.start()
        self._undo.append(lambda: engine.stop(_STOP_SECONDS))
        return engine

    def _decider(self, index: AppIndex) -> Callable[[PlainReplay], Decider] | None:
        sdk_speed.install()
        sticky = self._options.sticky
        if sticky is None:
            return None
        return sticky_decider(lambda name: index.functions[name].call, sticky, _log)

    def _callers(self) -> Callers:
        """Who may speak to the public side: by the names that this host was given."""
        options = self._options
        everywhere = options.address in _ALL_ADDRESSES
        if everywhere and not options.auth:
            _log.warning("Who reaches this machine over the network may use this host; --auth asks for keys.")
        own = socket.gethostname() if everywhere else options.address
        named = [own, os.environ["WEBSITE_HOSTNAME"], *options.allowed_names]
        origins = frozenset(self._settings.cors_origins)
        return Callers(LOOPBACK_NAMES | names_of(named), everywhere, origins)

    async def _serve(self, handler: Any, sockets: list[socket.socket], callers: Callers) -> None:
        serving = await serve(handler, sockets, callers, self._options.patience)
        self._undo.append(lambda: serving.server.shutdown(1.0))
        for listener in serving.listeners:
            self._undo.append(listener.close)

    async def stop(self) -> None:
        """Stop in the reverse order of the start: no new requests, then engine, store and workers."""
        while self._undo:
            undone = self._undo.pop()()
            if asyncio.iscoroutine(undone):
                await undone


def _bound(address: str, port: int, *, listening: bool = False) -> socket.socket:
    """Return a socket that is bound. Raises PortInUse.

    Until one of them listens, two hosts may bind to the same port: with `listening` it is taken for sure.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((address, port))
        if listening:
            found.listen()
    except OSError as error:
        found.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortInUse(
                f"Port {port} is unavailable ({error.strerror}). Close the process that uses it, "
                f"or give another port with --port."
            ) from error
        raise
    return found


def _shown_address(address: str) -> str:
    if address == "127.0.0.1" or address in _ALL_ADDRESSES:
        return "localhost"
    return f"[{address}]" if ":" in address else address


def _make_folder(state: Path | None) -> None:
    if state is None:
        return
    try:
        make_private_folder(state.parent)
    except OSError as error:
        raise StateFileError(
            f"The folder {state.parent} for the state cannot be made ({error.strerror}). "
            f"Name another place with --state, or use --in-memory."
        ) from error


def _wanted_port(options: HostOptions, settings: Settings) -> int:
    if options.port is not None:
        return options.port
    return settings.local_http_port or 7071


def _set_environment(settings: Settings, port: int) -> None:
    """Set what Core Tools sets for the worker; what is in the environment already stays."""
    made = {
        **settings.local_values,
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "AzureWebJobsScriptRoot": str(settings.app_folder),
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "WEBSITE_HOSTNAME": f"localhost:{port}",
    }
    for name, value in made.items():
        if ":" not in name:
            os.environ.setdefault(name, value)
