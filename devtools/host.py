"""The Functions host: Core Tools where it is installed, else the embedded one."""

import json
import os
import shutil
import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from devtools import ports, private_files
from devtools.errors import ApiError, DevError, ServiceFailed
from devtools.http_client import HttpClient
from devtools.processes import Program
from devtools.project import Project

HostKind = Literal["func", "embedded"]
WORKERS = 2
# Core Tools downloads the extension bundle on its first start.
START_TIMEOUT_SECONDS = {"func": 300.0, "embedded": 60.0}
ATTEMPTS = 3


def core_tools() -> str | None:
    """The program of Core Tools, None where it is not installed.

    npm puts a script of Node.js before it, and older ones end on a signal without passing it on.
    """
    found = shutil.which("func")
    if found is None:
        return None
    script = Path(found).resolve()
    program = script.parent.parent / "bin" / "func"
    return str(program) if script.suffix == ".js" and os.access(program, os.X_OK) else found


def choose_kind(wanted: HostKind | None) -> HostKind:
    """The wanted host, else Core Tools where ``func`` is on the PATH, else the embedded one."""
    installed = core_tools() is not None
    if wanted == "func" and not installed:
        raise DevError(
            "Azure Functions Core Tools (`func`) was not found on the PATH.",
            hint="install Core Tools 4, or leave out `--host func` to use the embedded host",
        )
    return wanted or ("func" if installed else "embedded")


@dataclass(frozen=True)
class HostOptions:
    """What to start: ``port`` is the preferred one (0: any), ``strict_port`` refuses any other.

    ``auth`` has the embedded host ask for keys, as Azure does. ``names`` are host names that people know it
    by, besides this machine's own. ``switches`` are further options of the embedded host's command line, and
    ``variables`` further variables of its environment.
    """

    kind: HostKind
    port: int
    storage: str
    strict_port: bool = False
    workers: int = WORKERS
    log: str = "host"
    auth: bool = False
    names: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


class Host:
    """A running host. Leaving the block ends it. ``key`` is its function key, None where it asks for none."""

    def __init__(self, program: Program, kind: HostKind, port: int, key: str | None = None) -> None:
        self.program = program
        self.kind = kind
        self.port = port
        self.key = key

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://{ports.LOOPBACK}:{self.port}"

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        self.program.stop()


def command(project: Project, options: HostOptions, port: int) -> list[str]:
    """How the host is started."""
    if options.kind == "func":
        return [core_tools() or "func", "start", "--port", str(port)]
    return [
        *(str(project.python), "-m", "devhost", "start", "--app", str(project.root)),
        *("--port", str(port), "--workers", str(options.workers), "--state", str(project.host_state)),
        *("--ready-file", str(_ready_file(project))),
        *(["--auth"] if options.auth else []),
        *(word for name in options.names for word in ("--allow-host", name)),
        *options.switches,
    ]


def _ready_file(project: Project) -> Path:
    """Where the embedded host says that it serves requests."""
    return project.host_state.with_name("ready.json")


def keys_file(state: Path) -> Path:
    """Where the embedded host keeps its keys: beside its state file, once it was started with keys."""
    return state.with_name("keys.json")


def function_key(state: Path) -> str:
    """The key that opens every function of the embedded host."""
    return str(json.loads(keys_file(state).read_text("utf-8"))["function"])


def start(project: Project, options: HostOptions) -> Host:
    """Start the host and wait until the app says that it is well. Raises DevError or ServiceFailed."""
    if options.auth and options.kind == "func":
        raise DevError(
            "Keys are asked for by the embedded host only.", hint="add --host embedded, or leave out --auth"
        )
    if options.strict_port and not ports.is_free(options.port):
        raise DevError(
            f"Port {options.port} is in use.",
            hint="name another one, or leave out --port to have a free one chosen",
        )
    private_files.folder(project.host_state.parent)
    for attempt in range(1, ATTEMPTS + 1):
        [port] = [options.port] if options.strict_port else ports.choose([options.port])
        try:
            return _start(project, options, port)
        except ServiceFailed as failure:
            # Another program can take the port between the choice and its use; any other failure is final.
            if attempt == ATTEMPTS or not any(_is_port_trouble(line) for line in failure.details):
                raise
    raise AssertionError("the last attempt returns or raises")


def _is_port_trouble(line: str) -> bool:
    """Whether a line of the log says that the port is taken; Core Tools and the embedded host word it so."""
    return (line.startswith("Port ") and "is unavailable" in line) or "Address already in use" in line


def _start(project: Project, options: HostOptions, port: int) -> Host:
    # On its port another program might answer, so the embedded host is asked for its own word as well.
    ready = _ready_file(project) if options.kind == "embedded" else None
    if ready:
        ready.unlink(missing_ok=True)
    program = Program(
        command(project, options, port),
        log=project.log(options.log),
        cwd=project.root,
        private=True,
        env=project.environment(
            **{"AzureWebJobsStorage": options.storage, "PYTHONUNBUFFERED": "1", **options.variables}
        ),
        # Core Tools ignore SIGTERM, which would end their workers first: the real host takes that for the
        # failure of every orchestration that is at work.
        ends_its_children=options.kind == "func",
    )
    host = Host(program, options.kind, port)
    try:
        trouble = _wait_until_well(host, ready)
    except BaseException:
        program.stop()
        raise
    if trouble is None:
        host.key = function_key(project.host_state) if options.auth else None
        return host
    program.stop()
    raise ServiceFailed(
        f"The host did not get ready: {trouble}.",
        hint=f"the whole log is in {project.shown(project.log(options.log))}",
        details=program.last_lines(),
    )


def _wait_until_well(host: Host, ready: Path | None) -> str | None:
    """None when the app says that it is well (and the file ``ready`` is there), else its last word."""
    client = HttpClient(host.url, timeout=5)
    last = "no answer"

    def asked() -> bool:
        nonlocal last
        if not host.program.running:
            last = f"it ended with exit code {host.program.exit_code}"
            return True
        if ready and not ready.exists():
            return False
        try:
            client.get_json("/api/healthz")
        except (OSError, urllib.error.URLError):
            return False
        except ApiError as error:
            last = error.message
            return False
        last = ""
        return True

    timeout = START_TIMEOUT_SECONDS[host.kind]
    if not ports.wait_until(asked, timeout=timeout, interval=0.1):
        return f"{last} (after {timeout:.0f} s)"
    return last or None
