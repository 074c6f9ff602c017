"""Azurite, the local stand-in for Azure Storage: started from node_modules, on loopback, silent."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from devtools import ports, private_files
from devtools.errors import DevError, ServiceFailed
from devtools.processes import Program
from devtools.project import Project

DEFAULT_PORTS = (10000, 10001, 10002)
ANY_PORTS = (0, 0, 0)
START_TIMEOUT_SECONDS = 30.0
ATTEMPTS = 3

_ACCOUNT = "devstoreaccount1"
# The account key of every Azurite and storage emulator, published in its documentation: it protects nothing.
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def connection_string(blob_port: int, queue_port: int, table_port: int) -> str:
    """The connection string of an Azurite on these ports of the loopback interface."""
    endpoints = {"Blob": blob_port, "Queue": queue_port, "Table": table_port}
    urls = "".join(
        f"{kind}Endpoint=http://{ports.LOOPBACK}:{port}/{_ACCOUNT};" for kind, port in endpoints.items()
    )
    return f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};{urls}"


class Azurite:
    """A running Azurite. Leaving the block ends it; its data stays in the folder it was given."""

    def __init__(self, program: Program, used: Sequence[int]) -> None:
        self.program = program
        self.ports = tuple(used)

    @property
    def connection_string(self) -> str:
        """What the app reads as ``AzureWebJobsStorage``."""
        blob, queue, table = self.ports
        return connection_string(blob, queue, table)

    def __enter__(self) -> "Azurite":
        return self

    def __exit__(self, *_: object) -> None:
        self.program.stop()


def start(
    project: Project,
    *,
    preferred: Sequence[int] = DEFAULT_PORTS,
    data: Path | None = None,
    log: str = "azurite",
) -> Azurite:
    """Start Azurite and wait until its three services listen.

    Takes other ports where the preferred ones are in use (port 0: any). Raises DevError or ServiceFailed.
    """
    folder = data or project.azurite_data
    private_files.folder(folder)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _start(project, ports.choose(preferred), folder, log)
        except ServiceFailed as failure:
            # Another program can take a port between the choice and its use; any other failure is final.
            if attempt == ATTEMPTS or not any("EADDRINUSE" in line for line in failure.details):
                raise
    raise AssertionError("the last attempt returns or raises")


def _start(project: Project, used: Sequence[int], folder: Path, log: str) -> Azurite:
    program = Program(_command(project, folder, used), log=project.log(log), cwd=folder, private=True)
    try:
        if _wait_until_ready(program):
            return Azurite(program, used)
    except BaseException:
        program.stop()
        raise
    program.stop()
    raise ServiceFailed(
        "Azurite did not start.",
        hint=f"see {project.shown(project.log(log))}; when it speaks of damaged data, `python3 dev.py clean`"
        " deletes what earlier runs left",
        details=program.last_lines(),
    )


def _wait_until_ready(program: Program) -> bool:
    """Whether all services listen, by its own word: on their ports another program might answer."""

    def listening() -> bool:
        return sum("successfully listening" in line for line in program.last_lines()) == len(DEFAULT_PORTS)

    ports.wait_until(lambda: not program.running or listening(), timeout=START_TIMEOUT_SECONDS)
    return program.running and listening()


def _command(project: Project, data: Path, used: Sequence[int]) -> list[str]:
    node = shutil.which("node")
    script = project.node_modules / "azurite" / "dist" / "src" / "azurite.js"
    if not node or not script.exists():
        raise DevError("Azurite or Node.js is missing.", hint="run `python3 dev.py setup`")
    command = [
        node,
        str(script),
        "--silent",
        "--skipApiVersionCheck",
        "--disableTelemetry",
        "--location",
        str(data),
    ]
    for service, port in zip(("blob", "queue", "table"), used, strict=True):
        command += [f"--{service}Host", ports.LOOPBACK, f"--{service}Port", str(port)]
    return command
