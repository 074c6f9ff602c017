"""``dev.py verify-ledger``: proves what people decided, in the storage that a run uses or used."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from devtools import azurite, ledger_key, local_settings, locks, run, run_record, setup
from devtools.console import Console
from devtools.errors import DevError
from devtools.processes import run_in_terminal
from devtools.project import Project

#: Seconds that a run which is just starting has to note what it uses.
START_SECONDS, POLL_SECONDS = 60.0, 0.2
#: The exit code where nothing could be proved; 1 is a flaw.
CANNOT_READ = 2


@dataclass(frozen=True)
class VerifyOptions:
    """What the user asked for; None means what a run uses or used."""

    storage: str | None = None
    container: str | None = None
    allow_unsigned: bool = False
    anchors: Sequence[str] = ()
    export_anchor: Path | None = None


@dataclass(frozen=True)
class Place:
    """Where ledgers are: the connection string of an account, a container, and the data folder's project.

    `project` has the key that a run on its data made.
    """

    storage: str
    container: str
    project: Project


def verify(project: Project, console: Console, options: VerifyOptions) -> int:
    """Prove all ledgers of a storage.

    Returns 0 where they are whole, 1 for a flaw, 2 where they cannot be read or where there is none.
    """
    setup.set_up(project, console, development=False)
    local_settings.ensure(project)
    with ExitStack() as stack:
        try:
            place = find(stack, project, console, options, os.environ)
        except DevError as error:
            console.error(error)
            return CANNOT_READ
        settings = local_settings.read(project)
        return run_in_terminal(
            [str(project.python), "-m", "adapters.verify_ledger", *_arguments(options)],
            cwd=project.root,
            env=project.environment(
                **{
                    local_settings.STORAGE: place.storage,
                    local_settings.DOCUMENTS: place.storage,
                    local_settings.CONTAINER: place.container,
                    local_settings.LEDGER_KEY: ledger_key.known(place.project, settings),
                    local_settings.ANCHOR_CONTAINER: settings.anchor_container,
                }
            ),
        )


def _arguments(options: VerifyOptions) -> list[str]:
    """The command works in the project's folder: files are named by their whole path."""
    arguments = ["--allow-unsigned"] if options.allow_unsigned else []
    for anchor in options.anchors:
        path = Path(anchor)
        arguments += ["--anchor", str(path.resolve()) if path.exists() else anchor]
    if options.export_anchor is not None:
        arguments += ["--export-anchor", str(options.export_anchor.resolve())]
    return arguments


def find(
    stack: ExitStack,
    project: Project,
    console: Console,
    options: VerifyOptions,
    environment: Mapping[str, str],
) -> Place:
    """The storage to prove; `stack` gets what has to be ended afterwards. Raises DevError.

    The first of these that there is: the one that the command or the environment names, that of the run that
    is up, that of the last run, and the one that the settings name.
    """
    settings = local_settings.read(project, environment)
    named = options.storage or environment.get(local_settings.DOCUMENTS)
    if named:
        usual = azurite.connection_string(*azurite.DEFAULT_PORTS)
        storage = usual if local_settings.is_local(named) else named
        return Place(storage, options.container or settings.container, project)
    running = _running(project, console)
    if running is not None:
        record, its_project = running
        return Place(record.storage, options.container or record.container, its_project)
    last = run_record.read(project)
    container = options.container or (last.container if last else settings.container)
    if last is not None and not last.azurite:
        return Place(last.storage, container, project)
    if last is None and not local_settings.is_local(settings.documents or settings.storage):
        return Place(settings.documents or settings.storage, container, project)
    return Place(_kept_data(stack, project, console), container, project)


def _running(project: Project, console: Console) -> tuple[run_record.RunRecord, Project] | None:
    """What the run that is up uses: the one on the kept data, or the only one with data of its own."""
    kept = _wait_for_run(project)
    if kept is not None:
        return kept, project
    found = ((run_record.of_run_that_is_up(one), one) for one in project.throw_away_projects)
    fresh = [(record, one) for record, one in found if record is not None]
    if len(fresh) > 1:
        raise DevError(
            f"{len(fresh)} runs with --fresh are up, each with data of its own.",
            hint="name the storage of one with --storage",
            details=[f"process {record.process}: {_shown(record)}" for record, _ in fresh],
        )
    if not fresh:
        return None
    console.note(f"the run with --fresh that is up (process {fresh[0][0].process}), not the kept data")
    return fresh[0]


def _shown(record: run_record.RunRecord) -> str:
    """A connection string as one may show it: the key of Azurite is public, that of an account is not."""
    return record.storage if record.azurite else "the account that the settings name"


def _wait_for_run(project: Project) -> run_record.RunRecord | None:
    """What the run on the kept data uses; None where no command uses that data."""
    deadline = time.monotonic() + START_SECONDS
    while (holder := locks.holder(project.run_lock)) is not None:
        record = run_record.of_run_that_is_up(project)
        if record is not None:
            return record
        if time.monotonic() > deadline:
            raise DevError(
                f"Another command (process {holder or 'unknown'}) uses the data and says no storage of it.",
                hint="wait until it has ended, or name a storage with --storage",
            )
        time.sleep(POLL_SECONDS)
    return None


def _kept_data(stack: ExitStack, project: Project, console: Console) -> str:
    """Start Azurite on what earlier runs left; returns its connection string."""
    if not project.azurite_data.exists():
        raise DevError(
            "There is no data to prove yet.", hint="run `python3 dev.py run` first, or name a storage"
        )
    stack.enter_context(run.only_run(project, console))
    with console.step("starting Azurite, the local storage", "Azurite, the local storage"):
        return stack.enter_context(azurite.start(project, preferred=azurite.ANY_PORTS)).connection_string
