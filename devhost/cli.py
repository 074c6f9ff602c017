"""The command line: ``python -m devhost start``, ``export``, ``replay`` and ``lint``."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from devhost.app.index import FunctionInfo
from devhost.app.settings import load_settings
from devhost.errors import DevhostError, PortInUse
from devhost.host import HostOptions, RunningHost, start_host
from devhost.http.callers import names_of
from devhost.http.front import http_routes
from devhost.lint import commands as lint
from devhost.log import configure
from devhost.orchestration.keeping import StickySettings
from devhost.reload import supervise
from devhost.replay import commands as replay
from devhost.state.files import make_private_folder, write_private

__all__ = ["main"]

_log = logging.getLogger("devhost")
EXIT_CANNOT_START, EXIT_PORT_IN_USE = 1, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 stopped, 1 cannot start, 2 usage, 3 port in use."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command != "start":
        return options.run(options)
    if options.orchestrators_in_workers and options.check_every is not None:
        parser.error(
            "--check-every is for orchestrations kept in memory. With "
            "--orchestrators-in-workers there are none: each step is a replay. Leave one of the two out."
        )
    app_folder = Path(options.app or ".").resolve()
    if options.reload:
        given = list(sys.argv[1:] if arguments is None else arguments)
        configure(options.log, {})
        return supervise([one for one in given if one != "--reload"], app_folder, (2, EXIT_PORT_IN_USE))
    state = None if options.in_memory else _state_file(options, app_folder)
    host_options = HostOptions(
        app_folder=app_folder,
        port=options.port,
        address=options.address,
        state=state,
        workers=options.workers,
        auth=options.auth,
        allowed_names=tuple(options.allow_host),
        log_format=options.log,
        sticky=None if options.no_sticky else _sticky(options.check_every),
        early_timers=options.early_timers,
        orchestrators_in_workers=options.orchestrators_in_workers,
        http_in_workers=options.http_in_workers,
    )
    try:
        configure(options.log, load_settings(app_folder).log_levels)
        return asyncio.run(_serve(host_options, options.ready_file and Path(options.ready_file).resolve()))
    except PortInUse as error:
        print(error, file=sys.stderr)
        return EXIT_PORT_IN_USE
    except DevhostError as error:
        print(error, file=sys.stderr)
        return EXIT_CANNOT_START


def _sticky(check_every: int | None) -> StickySettings:
    return StickySettings() if check_every is None else StickySettings(check_every=check_every)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devhost", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser(
        "start", help="serve a function app", description="Serve the function app in a folder until Ctrl-C."
    )
    start.add_argument("--app", metavar="DIR", help="folder of function_app.py (default: this folder)")
    start.add_argument(
        "--port",
        type=_port,
        help="default: Host.LocalHttpPort of local.settings.json, else 7071; 0: a free one",
    )
    start.add_argument("--address", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    where = start.add_mutually_exclusive_group()
    where.add_argument(
        "--state", metavar="FILE", help="state file (default: .devhost/state.db in the app's folder)"
    )
    where.add_argument("--in-memory", action="store_true", help="keep the state in memory; a stop loses it")
    start.add_argument(
        "--workers",
        type=_workers,
        metavar="N",
        help="processes for activities (default: FUNCTIONS_WORKER_PROCESS_COUNT; 0 or 1: threads)",
    )
    start.add_argument("--auth", action="store_true", help="check keys, as func start --enableAuth")
    start.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        type=_host_name,
        help="a name that callers may use for this host, such as that of a proxy; '*': any (repeatable)",
    )
    start.add_argument("--reload", action="store_true", help="start again when a file of the app changes")
    start.add_argument("--log", choices=("text", "json"), default="text", help="form of the log lines")
    start.add_argument(
        "--no-sticky", action="store_true", help="replay running orchestrations at each step, as Azure does"
    )
    start.add_argument(
        "--check-every",
        type=_positive,
        metavar="N",
        help="check what is kept in memory against a replay after N steps, and at the end "
        f"(default: {StickySettings.check_every}; not with --orchestrators-in-workers)",
    )
    start.add_argument(
        "--orchestrators-in-workers",
        action="store_true",
        help="run orchestrators and entities in worker processes, as Azure does: each step is a replay, and "
        "fails its orchestration when the worker dies (default: in the host)",
    )
    start.add_argument(
        "--http-in-workers",
        action="store_true",
        help="run HTTP functions in the worker processes, as Azure does (default: in the host)",
    )
    start.add_argument(
        "--early-timers", action="store_true", help="fire timers up to a second early, as Azure does"
    )
    start.add_argument(
        "--ready-file", metavar="FILE", help="write url, pid and rpc there as JSON once requests are served"
    )
    for add in (replay.add_commands, lint.add_commands):
        add(commands)
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; give a number from 0 to 65535")
    return int(text)


def _host_name(text: str) -> str:
    if not names_of([text]):
        raise argparse.ArgumentTypeError(f"{text} is no name of a host; give one like settle.example")
    return text


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of steps; give 1 or more")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdigit() or int(text) > 64:
        raise argparse.ArgumentTypeError(f"{text} is no number of processes; give 0 to 64")
    return int(text)


def _state_file(options: argparse.Namespace, app_folder: Path) -> Path:
    if options.state:
        return Path(options.state).resolve()
    folder = app_folder if os.access(app_folder, os.W_OK) else Path.cwd()
    return folder / ".devhost" / "state.db"


async def _serve(options: HostOptions, ready_file: Path | None) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        _on_signal(loop, number, stopping.set)
    if options.app_folder.is_dir():
        os.chdir(options.app_folder)  # the real worker runs there
    host = await start_host(options)
    try:
        _announce(host, options)
        if ready_file is not None:
            _write_ready(ready_file, host)
        await stopping.wait()
        _log.info("Stopping.")
    finally:
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
        await host.stop()
    return 0


def _on_signal(loop: asyncio.AbstractEventLoop, number: int, action: Callable[[], None]) -> None:
    if sys.platform == "win32":  # its loops have no handlers for signals
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(action))
    else:
        loop.add_signal_handler(number, action)


def _announce(host: RunningHost, options: HostOptions) -> None:
    routes = {
        route.function_name: route for route in http_routes(host.index, host.settings.http.route_prefix)
    }
    print("\nFunctions:\n", flush=True)
    for function in host.index.enabled():
        route = routes.get(function.name)
        if route is None:
            print(f"\t{function.name}: {_trigger_text(function)}")
            continue
        methods = ",".join(sorted(route.methods)) or "ALL"
        print(f"\t{function.name}: [{methods}] {host.origin}/{route.template.text}")
    for name in sorted(host.index.disabled):
        print(f"\t{name}: disabled")
    if options.auth:
        keys = host.keys
        print(
            f"\nKeys: master {keys.master}\n      function {keys.function}\n      durabletask {keys.system}"
        )
    if options.orchestrators_in_workers:
        print(
            f"\nOrchestrators and entities run in worker processes ({host.workers}). Each step is a replay; "
            "one whose worker dies fails its orchestration for good."
        )
    if options.http_in_workers:
        print(f"\nHTTP functions run in worker processes ({host.workers}).")
    where = "in memory" if options.state is None else str(options.state)
    print(f"\nState: {where}\nHost is ready: {host.origin}", flush=True)


def _trigger_text(function: FunctionInfo) -> str:
    properties = function.trigger.properties
    detail = next(
        (str(properties[key]) for key in ("schedule", "queueName", "path") if key in properties), ""
    )
    return f"{function.trigger.type} {detail}".rstrip()


def _write_ready(path: Path, host: RunningHost) -> None:
    make_private_folder(path.parent)
    ready = {"url": host.origin, "rpc": host.rpc_base_url, "pid": os.getpid()}
    write_private(path, json.dumps(ready))
