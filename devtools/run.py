"""``dev.py run``: storage, host, one batch from a folder, its summary; then stay up."""

import contextlib
import os
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from devtools import (
    azurite,
    documents,
    host,
    ledger_key,
    local_settings,
    private_files,
    run_record,
    setup,
    summary,
    task_hub,
)
from devtools.batch_client import BatchClient, Status
from devtools.console import Console, duration
from devtools.errors import DevError, ServiceFailed
from devtools.host import Host, HostKind, HostOptions
from devtools.local_settings import LocalSettings
from devtools.locks import exclusive
from devtools.processes import Program
from devtools.progress import Progress
from devtools.project import Project

BATCH_TIMEOUT_SECONDS = 24 * 3600.0
POLL_SECONDS = 0.25
INBOX_SECONDS, INBOX_POLL_SECONDS = 20.0, 1.0
CLOCK_TOLERANCE = timedelta(seconds=1)


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for; None means the default."""

    folder: Path | None = None
    once: bool = False
    fresh: bool = False
    host: HostKind | None = None
    port: int | None = None
    auth: bool = False


def run(project: Project, console: Console, options: RunOptions) -> int:
    """Do it; returns the exit code. Raises DevError, and KeyboardInterrupt on Ctrl-C while it works."""
    folder = (options.folder or documents.default_folder(project.root)).resolve()
    files = documents.find(folder)
    host_kind = host.choose_kind(options.host)
    setup.set_up(project, console, development=False)
    with ExitStack() as stack:
        if options.fresh:
            project = stack.enter_context(project.throw_away_data())
        stack.enter_context(only_run(project, console))
        run_record.forget(project)
        running, services = _start_services(stack, project, console, replace(options, host=host_kind))
        client = BatchClient(running.url, key=running.key)
        done = send_folder(client, console, folder, files, services)
        if options.once:
            if done and not options.fresh:
                console.line("The host stops now; `python3 dev.py run` starts it again with the same data.")
            return 0 if done else 1
        if done:
            show_inbox(console, running.url, client)
        if running.key:
            shown = project.shown(host.keys_file(project.host_state))
            console.line(f"The API asks for a key (x-functions-key); the keys are in {shown}.")
        _stay_up(console, running, services)
    return 0


@contextmanager
def only_run(project: Project, console: Console) -> Iterator[None]:
    """Keep a second run away from the same data; raises DevError when there is one."""

    def refuse(holder: str) -> None:
        if not _runs(holder):
            console.note("An earlier run was killed; waiting for its services to end.")
            return
        raise DevError(
            "Settle is running from this folder already, with the same stored documents and workflows.",
            hint="use that one (Ctrl-C ends it), or add --fresh to run beside it with data of its own",
        )

    private_files.folder(project.state)
    with exclusive(project.run_lock, when_taken=refuse, text=str(os.getpid())):
        yield


def _runs(process_id: str) -> bool:
    """Whether there is a process of this id; an id that cannot be read counts as one."""
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True


def _start_services(
    stack: ExitStack, project: Project, console: Console, options: RunOptions
) -> tuple[Host, list[Program]]:
    """Start storage and host in this order; leaving the stack ends them in the other."""
    if local_settings.ensure(project):
        console.note(f"{local_settings.FILE} made from {local_settings.EXAMPLE}")
    settings = local_settings.read(project)
    azurite_storage, services = "", []
    if settings.wants_azurite:
        local = stack.enter_context(_start_azurite(project, console))
        azurite_storage, services = local.connection_string, [local.program]
    else:
        console.note(f"storage: the account that {local_settings.STORAGE} names, no Azurite")
    documents_storage = settings.documents_storage(azurite_storage)
    run_record.write(
        project,
        storage=documents_storage,
        container=settings.container,
        azurite=documents_storage == azurite_storage,
    )
    running = stack.enter_context(
        _start_host(
            project,
            console,
            options,
            settings,
            settings.host_storage(azurite_storage),
            # The short form means the usual ports, where the data of somebody else may be.
            {
                local_settings.DOCUMENTS: documents_storage,
                local_settings.LEDGER_KEY: _ledger_key(project, console, settings),
            },
        )
    )
    return running, [*services, running.program]


def _ledger_key(project: Project, console: Console, settings: LocalSettings) -> str:
    """What ledgers are signed with in this run; where an account is named, others may want to prove them."""
    key = ledger_key.ensure(project, settings)
    named_account = not local_settings.is_local(settings.documents or settings.storage)
    if named_account and not settings.ledger_key:
        console.note(f"ledgers are signed with the key in {project.shown(project.ledger_key)}: keep it")
    return key


def _start_azurite(project: Project, console: Console) -> azurite.Azurite:
    with console.step("starting Azurite, the local storage", "Azurite, the local storage"):
        local = azurite.start(project)
    if local.ports != azurite.DEFAULT_PORTS:
        taken, used = ([str(port) for port in some] for some in (azurite.DEFAULT_PORTS, local.ports))
        console.note(f"ports {', '.join(taken)} are in use; Azurite listens on {', '.join(used)}")
    return local


def _start_host(
    project: Project,
    console: Console,
    options: RunOptions,
    settings: local_settings.LocalSettings,
    storage: str,
    variables: Mapping[str, str],
) -> Host:
    kind = options.host or "embedded"
    name = "Core Tools (func start)" if kind == "func" else "the embedded host"
    port = settings.port if options.port is None else options.port
    if kind == "func":
        task_hub.wait_for_leases(console, storage, task_hub.hub_name(project.root))
    with console.step(f"starting {name}", name):
        wanted = HostOptions(
            kind,
            port,
            storage,
            strict_port=bool(options.port),
            auth=options.auth,
            names=settings.public_names,
            variables=variables,
        )
        running = host.start(project, wanted)
    if port and running.port != port:
        console.note(f"port {port} is in use; the host listens on {running.port}")
    return running


def send_folder(
    client: BatchClient, console: Console, folder: Path, files: list[Path], services: list[Program]
) -> bool:
    """Send the files as one batch, show how it goes and what came out; True when it was completed."""
    content = documents.pack(folder, files)
    console.line()
    console.line(
        f"Sending {len(files)} documents from {folder.name}/ ({len(content) / 1024:,.0f} KiB as a zip)"
    )
    progress = Progress(console)
    sent_at = datetime.now(UTC)
    name = urllib.parse.quote(f"{folder.name}.zip")
    batch = client.post_batch(
        content, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    )
    status = client.wait(
        batch.url,
        timeout=BATCH_TIMEOUT_SECONDS,
        poll=POLL_SECONDS,
        seen=progress.show,
        check=lambda: _require_running(services),
    )
    if status["status"] != "completed":
        _show_failure(console, status, progress.seconds)
        return False
    report = client.http.get_json(status["links"]["report_json"])
    show_summary(console, client, status, report["documents"], progress.seconds)
    _explain(console, status, report["documents"], sent_at)
    return True


def _explain(console: Console, status: Status, rows: list[dict[str, Any]], sent_at: datetime) -> None:
    """Say what may surprise whoever runs the command again with the data of earlier runs."""
    duplicates = sum(row["outcome"] == "duplicate" for row in rows)
    if datetime.fromisoformat(status["created"]) < sent_at - CLOCK_TOLERANCE:
        note = "These very documents were sent before: this is the report of that batch. --fresh checks anew."
    elif duplicates * 2 > len(rows):
        note = (
            "Most invoices came in an earlier batch, so they are duplicates now. --fresh begins with no data."
        )
    else:
        return
    console.line()
    console.note(note)


def show_summary(
    console: Console, client: BatchClient, status: Status, rows: list[dict[str, Any]], seconds: float
) -> None:
    """Print the table, the totals and where the report is."""
    console.done(f"batch {status['id']}", seconds)
    console.line()
    for line in summary.table(rows, console.width):
        console.line(line)
    console.line()
    console.line(
        console.paint(summary.totals(summary.count_outcomes(rows)), "bold") + f" in {duration(seconds)}"
    )
    console.line()
    for format in ("html", "json", "csv", "xlsx"):
        name = "Report" if format == "html" else f"  as {format.upper()}"
        console.line(f"{name:<10}{_report_address(client, status, format)}")


def _report_address(client: BatchClient, status: Status, format: str) -> str:
    """Where a person opens the report: where the API asks for a key, on the page that asks for a person."""
    if client.key:
        return client.http.url(f"/batches/{status['id']}/report?format={format}")
    return status["links"][f"report_{format}"]


def show_inbox(console: Console, url: str, client: BatchClient, patience: float = INBOX_SECONDS) -> None:
    """Say how many invoices wait for people, and where they decide.

    Approvals begin after the batch has ended: their number is waited for until it grows no more.
    """
    deadline, waiting = time.monotonic() + patience, 0
    while time.monotonic() < deadline:
        now = len(client.approvals())
        if now and now == waiting:
            break
        waiting = now
        time.sleep(INBOX_POLL_SECONDS)
    console.line()
    if not waiting:
        console.line(f"{'Inbox':<10}{url}/inbox (nothing waits for a decision)")
        return
    noun = "invoice waits" if waiting == 1 else "invoices wait"
    console.line(f"{'Inbox':<10}{url}/inbox ({waiting} {noun} for a decision)")


def _show_failure(console: Console, status: Status, seconds: float) -> None:
    console.failed(f"batch {status['id']}: {status['status']}", seconds)
    error = status.get("error") or {}
    if error:
        console.line(f"  {error.get('code')}: {error.get('message')}")


def _require_running(services: list[Program]) -> None:
    for service in services:
        if not service.running:
            raise ServiceFailed(
                f"A service ended with exit code {service.exit_code}: {service.command[0]}",
                hint=f"the whole log is in {service.log}",
                details=service.last_lines(),
            )


def _stay_up(console: Console, running: Host, services: list[Program]) -> None:
    """Wait for Ctrl-C; raises ServiceFailed when a service ends by itself."""
    with contextlib.suppress(KeyboardInterrupt):
        console.line()
        console.line(f"Settle is up at {running.url}/api/batches. Ctrl-C stops it.")
        while True:
            _require_running(services)
            time.sleep(0.5)
    console.line("Stopping ...")
