"""Sending a folder and waiting for it, against a small server that speaks the batch API."""

import io
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from devtools import azurite, host, local_settings, ports, run
from devtools.batch_client import BatchClient, next_pause
from devtools.console import Console, duration, shorten
from devtools.errors import ApiError, DevError, ServiceFailed
from devtools.host import HostOptions
from devtools.http_client import HttpClient
from devtools.local_settings import LocalSettings
from devtools.processes import Program
from devtools.progress import Progress
from devtools.project import Project
from devtools.run import only_run, send_folder

ROOT = Path(__file__).resolve().parents[2]


class FakeApp(ThreadingHTTPServer):
    """Takes one batch; it runs for a few polls and ends as told."""

    def __init__(self) -> None:
        super().__init__((ports.LOOPBACK, 0), _Handler)
        self.url = f"http://{ports.LOOPBACK}:{self.server_port}"
        self.polls_until_done = 2
        self.ends_as = "completed"
        self.created = "2999-01-01T00:00:00+00:00"
        self.sent: list[str] = []
        self.outcome = "valid"
        self.refusal: tuple[int, bytes] | None = None
        self.waiting = [0]

    def status(self) -> tuple[int, dict[str, Any]]:
        self.polls_until_done -= 1
        running = self.polls_until_done >= 0
        links = {f"report_{kind}": f"{self.url}/api/batches/b1/report?format={kind}" for kind in REPORTS}
        return 202 if running else 200, {
            "id": "b1",
            "status": "running" if running else self.ends_as,
            "phase": "checking" if running else self.ends_as,
            "done": 1,
            "total": len(self.sent),
            "counts": {"valid": 1},
            "created": self.created,
            "links": links if not running else {},
            "error": {"code": "storage_full", "message": "no room"} if self.ends_as == "failed" else None,
        }

    def report(self) -> dict[str, Any]:
        invoice = {"seller": "Ada Ltd", "number": "R1", "gross": "119.00", "currency": "EUR"}
        rows = [{"name": n, "outcome": self.outcome, "findings": [], "invoice": invoice} for n in self.sent]
        return {"batch": {}, "totals": {}, "documents": rows}


REPORTS = ("html", "json", "csv", "xlsx")


class _Handler(BaseHTTPRequestHandler):
    server: FakeApp  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.refusal:
            return self._answer(*self.server.refusal)
        self.server.sent = zipfile.ZipFile(io.BytesIO(body)).namelist()
        return self._answer(202, json.dumps({"id": "b1"}).encode(), Location="/api/batches/b1")

    def do_GET(self) -> None:
        if self.path == "/api/approvals":
            count = self.server.waiting.pop(0) if len(self.server.waiting) > 1 else self.server.waiting[0]
            return self._answer(200, json.dumps({"approvals": [{}] * count}).encode())
        if "/report" in self.path:
            return self._answer(200, json.dumps(self.server.report()).encode())
        code, status = self.server.status()
        return self._answer(code, json.dumps(status).encode())

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def app() -> Iterator[FakeApp]:
    """A server that takes one batch."""
    with FakeApp() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two documents."""
    (tmp_path / "in").mkdir()
    for name in ("a.xml", "b.pdf"):
        (tmp_path / "in" / name).write_text(name)
    return tmp_path / "in"


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask often: the server is in this process."""
    monkeypatch.setattr(run, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(run, "INBOX_POLL_SECONDS", 0.01)


def _send(app: FakeApp, folder: Path, *services: Program) -> tuple[bool, str]:
    output = io.StringIO()
    console = Console(output, terminal=False)
    done = send_folder(BatchClient(app.url), console, folder, sorted(folder.iterdir()), list(services))
    return done, output.getvalue()


def test_a_folder_is_sent_and_its_summary_has_every_document_and_the_reports(
    app: FakeApp, folder: Path
) -> None:
    """The whole way: zip, POST, polls, report, table, addresses."""
    done, said = _send(app, folder)
    assert done
    assert app.sent == ["a.xml", "b.pdf"]
    assert "Sending 2 documents" in said
    assert "checking  1 of 2" in said
    for words in ("a.xml", "b.pdf", "Ada Ltd", "119.00 EUR", "2 documents: 2 valid"):
        assert words in said
    for kind in REPORTS:
        assert f"{app.url}/api/batches/b1/report?format={kind}" in said
    assert "sent before" not in said


@pytest.mark.parametrize(
    ("waiting", "words"),
    [
        ([0, 0, 3, 30, 30], "(30 invoices wait for a decision)"),
        ([1], "(1 invoice waits for a decision)"),
        ([0], "(nothing waits for a decision)"),
    ],
)
def test_the_inbox_is_named_once_all_approvals_have_begun(
    app: FakeApp, waiting: list[int], words: str
) -> None:
    """They begin after the batch has ended, so their number grows for a moment."""
    app.waiting = waiting
    output = io.StringIO()
    run.show_inbox(Console(output, terminal=False), app.url, BatchClient(app.url), patience=0.5)
    assert f"{app.url}/inbox {words}" in output.getvalue()


def test_a_batch_that_was_there_already_is_said_to_be_an_earlier_one(app: FakeApp, folder: Path) -> None:
    """The app answers equal content with the batch it has."""
    app.created = "2020-01-01T00:00:00+00:00"
    done, said = _send(app, folder)
    assert done
    assert "sent before" in said


def test_a_batch_of_duplicates_is_explained(app: FakeApp, folder: Path) -> None:
    """It surprises whoever changes one file of a folder and sends it again."""
    app.outcome = "duplicate"
    done, said = _send(app, folder)
    assert done
    assert "Most invoices came in an earlier batch" in said


@pytest.mark.parametrize("end", ["failed", "stopped"])
def test_a_batch_that_is_not_completed_is_no_success(app: FakeApp, folder: Path, end: str) -> None:
    """A failure is told with its code and message."""
    app.ends_as = end
    done, said = _send(app, folder)
    assert not done
    assert end in said
    assert ("storage_full: no room" in said) == (end == "failed")


def test_a_service_that_ends_meanwhile_is_told_with_its_last_lines(
    app: FakeApp, folder: Path, tmp_path: Path
) -> None:
    """Instead of polling a host that is gone."""
    with Program(["sh", "-c", "echo out of memory; exit 9"], log=tmp_path / "log") as service:
        service.wait(10)
        with pytest.raises(ServiceFailed, match="exit code 9") as caught:
            _send(app, folder, service)
    assert caught.value.details == ["out of memory"]


def test_an_error_of_the_app_is_read_into_status_code_and_message(app: FakeApp) -> None:
    """The one error shape of the API."""
    app.refusal = 413, b'{"error": {"code": "too_large", "message": "At most 100 MB."}}'
    with pytest.raises(ApiError, match=r"413 \(too_large\): At most 100 MB") as caught:
        BatchClient(app.url).post_batch(b"x")
    assert (caught.value.status, caught.value.code) == (413, "too_large")


@pytest.mark.parametrize("body", [b"", b"<html>gateway</html>", b'{"error": "x"}', b"[1]"])
def test_an_error_of_something_else_is_shown_as_it_came(app: FakeApp, body: bytes) -> None:
    """A gateway in between has a shape of its own, or none."""
    app.refusal = 502, body
    with pytest.raises(ApiError, match="answered 502") as caught:
        BatchClient(app.url).post_batch(b"x")
    assert caught.value.code == ""


def test_waiting_gives_up_when_the_time_is_over(app: FakeApp) -> None:
    """And says which batch it was."""
    app.polls_until_done = 10**6
    with pytest.raises(DevError, match="not done after 0 seconds"):
        BatchClient(app.url).wait("b1", timeout=0.05, poll=0.01)


@pytest.mark.parametrize(("waited", "pause"), [(0, 0.25), (2, 0.25), (5, 0.5), (20, 2), (3600, 2)], ids=str)
def test_what_takes_long_is_asked_for_less_often(waited: float, pause: float) -> None:
    """Every question costs a listing of storage."""
    assert next_pause(waited, 0.25) == pause


def test_waiting_bears_a_host_that_is_away_for_a_moment() -> None:
    """Up to a limit; then the error comes through."""
    [port] = ports.choose([0])
    client = BatchClient(f"http://{ports.LOOPBACK}:{port}")
    with pytest.raises(OSError, match="refused"):
        client.wait("b1", poll=0.01, away=0.05)


@pytest.mark.parametrize("address", ["", "localhost:7071", "ftp://x", "http://"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    """A missing scheme is the common mistake."""
    with pytest.raises(DevError, match="is not the address of a host"):
        HttpClient(address)


# local.settings.json


def _write_settings(tmp_path: Path, text: str) -> Project:
    (tmp_path / "local.settings.json").write_text(text, "utf-8")
    return Project(tmp_path, tmp_path)


def test_local_settings_are_made_from_the_example_once_and_never_overwritten(tmp_path: Path) -> None:
    """They may hold what someone typed in."""
    project = Project(tmp_path, tmp_path)
    (tmp_path / "local.settings.json.example").write_text("{}")
    assert local_settings.ensure(project)
    (tmp_path / "local.settings.json").write_text('{"mine": true}')
    assert not local_settings.ensure(project)
    assert (tmp_path / "local.settings.json").read_text() == '{"mine": true}'


def test_the_port_and_the_storage_are_read_and_the_environment_wins(tmp_path: Path) -> None:
    """As with Core Tools; a byte-order mark does no harm."""
    project = _write_settings(
        tmp_path, '\ufeff{"Values": {"AzureWebJobsStorage": "mine"}, "Host": {"LocalHttpPort": 8080}}'
    )
    assert local_settings.read(project, {}) == LocalSettings(8080, "mine")
    assert local_settings.read(project, {"AzureWebJobsStorage": "theirs"}).storage == "theirs"


def test_local_storage_is_meant_unless_an_account_is_named(tmp_path: Path) -> None:
    """Azurite is started for the first only."""
    assert local_settings.read(_write_settings(tmp_path, "{}"), {}) == LocalSettings(
        7071, local_settings.LOCAL_STORAGE
    )
    assert LocalSettings(1, "UseDevelopmentStorage=true;").wants_azurite
    assert not LocalSettings(1, "AccountName=x").wants_azurite


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("https://Settle.example/invoices", ["settle.example"]),
        ("http://[fe80::1]:7071", ["fe80::1"]),
        ("http://[", []),
        ("", []),
    ],
)
def test_embedded_host_goes_by_the_name_that_people_open(
    tmp_path: Path, address: str, names: list[str]
) -> None:
    """It refuses every name that it was not told."""
    project = _write_settings(tmp_path, json.dumps({"Values": {"SETTLE_PUBLIC_URL": address}}))
    known = local_settings.read(project, {}).public_names
    command = host.command(project, HostOptions("embedded", 1, "", names=known), 1)
    assert [after for word, after in pairwise(command) if word == "--allow-host"] == names


@pytest.mark.parametrize("text", ["{", "[]", '{"Host": {"LocalHttpPort": "x"}}'])
def test_damaged_local_settings_are_told(tmp_path: Path, text: str) -> None:
    """With the reason."""
    with pytest.raises(DevError, match="cannot be read"):
        local_settings.read(_write_settings(tmp_path, text), {})


# the services


def test_core_tools_are_used_where_they_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded host is for where they are not, or when asked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert host.choose_kind(None) == "embedded"
    with pytest.raises(DevError, match="Core Tools"):
        host.choose_kind("func")
    func = tmp_path / "func"
    func.write_text("#!/bin/sh\n")
    func.chmod(func.stat().st_mode | stat.S_IXUSR)
    assert host.choose_kind(None) == "func"
    assert host.choose_kind("embedded") == "embedded"
    options = host.HostOptions("func", 7071, "storage")
    assert host.command(Project(tmp_path, tmp_path), options, 7072) == [str(func), "start", "--port", "7072"]


FAKE_FUNC = """#!{python}
import http.server, os, sys
print("storage", os.environ["AzureWebJobsStorage"], flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({status}); self.send_header("Content-Length", "2"); self.end_headers()
        self.wfile.write(b"{{}}")
{before}
http.server.HTTPServer(("127.0.0.1", int(sys.argv[3])), Handler).serve_forever()
"""


def _fake_func(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, before: str = "", status: int = 200
) -> Project:
    """Puts a host of the name `func` on the PATH that serves the health check alone."""
    program = folder / "func"
    program.write_text(FAKE_FUNC.format(python=sys.executable, before=before, status=status))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return Project(folder, folder)


def test_the_host_is_ready_when_the_app_says_that_it_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets the storage by its environment, and leaving the block ends it."""
    project = _fake_func(tmp_path, monkeypatch)
    [port] = ports.choose([0])
    with host.start(project, host.HostOptions("func", port, "the-account")) as running:
        assert running.url == f"http://127.0.0.1:{port}"
        assert running.program.last_lines()[0] == "storage the-account"
    assert ports.is_free(port)


def test_a_host_that_loses_its_port_to_another_program_gets_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port was free when it was chosen, and no more when the host came to use it."""
    lost = "if not os.path.exists('lost'): open('lost', 'w'); sys.exit('Port 7071 is unavailable.')"
    project = _fake_func(tmp_path, monkeypatch, before=lost)
    with host.start(project, host.HostOptions("func", 0, "x")) as running:
        assert running.program.running
    assert (tmp_path / "lost").exists()


def test_another_port_is_taken_for_the_host_unless_one_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, app: FakeApp
) -> None:
    """Who names a port has bookmarked it."""
    project = _fake_func(tmp_path, monkeypatch)
    with host.start(project, host.HostOptions("func", app.server_port, "x")) as running:
        assert running.port != app.server_port
    with pytest.raises(DevError, match=f"Port {app.server_port} is in use"):
        host.start(project, host.HostOptions("func", app.server_port, "x", strict_port=True))


def test_a_host_that_ends_at_once_is_told_with_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with the file that has the rest."""
    project = _fake_func(tmp_path, monkeypatch, before="sys.exit('no function_app.py here')")
    with pytest.raises(ServiceFailed, match="ended with exit code 1") as caught:
        host.start(project, host.HostOptions("func", 0, "x"))
    assert caught.value.details[-1] == "no function_app.py here"
    assert ".state/logs/host.log" in caught.value.hint


def test_a_host_that_stays_unwell_is_told_with_its_last_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The health check says what is missing."""
    monkeypatch.setitem(host.START_TIMEOUT_SECONDS, "func", 0.6)
    project = _fake_func(tmp_path, monkeypatch, status=503)
    with pytest.raises(ServiceFailed, match="answered 503"):
        host.start(project, host.HostOptions("func", 0, "x"))


def test_azurite_that_is_not_installed_is_told(tmp_path: Path) -> None:
    """With the command that installs it."""
    with pytest.raises(DevError, match="Azurite or Node") as caught:
        azurite.start(Project(tmp_path, tmp_path), preferred=(0, 0, 0))
    assert "dev.py setup" in caught.value.hint


def test_the_connection_string_names_the_ports() -> None:
    """Of all three services."""
    text = azurite.connection_string(1, 2, 3)
    for part in (
        "BlobEndpoint=http://127.0.0.1:1/",
        "QueueEndpoint=http://127.0.0.1:2/",
        "TableEndpoint=http://127.0.0.1:3/",
    ):
        assert part in text


def test_a_second_run_on_the_same_data_is_refused(tmp_path: Path) -> None:
    """Two hosts on one state would spoil it; afterwards it is free again."""
    project, console = Project(tmp_path, tmp_path), Console(io.StringIO(), terminal=False)
    with (
        only_run(project, console),
        pytest.raises(DevError, match="running from this folder already"),
        only_run(project, console),
    ):
        pytest.fail("both run")
    with only_run(project, console):
        pass


def test_a_run_waits_for_what_a_killed_one_has_not_ended_yet(tmp_path: Path) -> None:
    """Services take a moment to end; until then they have the data open."""
    output, marker = io.StringIO(), tmp_path / "started"
    code = f"""
import os, pathlib, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from devtools.console import Console
from devtools.processes import Program
from devtools.project import Project
from devtools.run import only_run
here = pathlib.Path({str(tmp_path)!r})
with only_run(Project(here, here), Console()):
    stubborn = "trap '' TERM; touch started; sleep 30 & sleep 30"
    Program(["sh", "-c", stubborn], log=here / "log", cwd=here, grace=0.3)
    while not (here / "started").exists(): pass
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code], check=False, timeout=20)
    assert killed.returncode == -signal.SIGKILL
    assert marker.exists()
    with only_run(Project(tmp_path, tmp_path), Console(output, terminal=False)):
        assert "An earlier run was killed" in output.getvalue()


def test_thrown_away_data_leaves_nothing_behind(tmp_path: Path) -> None:
    """The project's own data is not touched."""
    with Project(tmp_path, tmp_path).throw_away_data() as project:
        (project.azurite_data).mkdir(parents=True)
        assert project.root == tmp_path
    assert list((tmp_path / ".state").iterdir()) == []


def test_data_of_killed_runs_is_deleted_by_the_next_one(tmp_path: Path) -> None:
    """That of runs which go on, or have just begun, is not."""
    abandoned, just_begun, used = (tmp_path / ".state" / f"fresh-{name}" for name in "abc")
    for folder in (abandoned, just_begun, used):
        folder.mkdir(parents=True)
    with only_run(Project(tmp_path, used), Console(io.StringIO(), terminal=False)):
        for folder in (abandoned, used):
            os.utime(folder, (0, 0))
        with Project(tmp_path, tmp_path).throw_away_data():
            assert not abandoned.exists()
            assert just_begun.exists()
            assert used.exists()


# what the console shows


def test_progress_off_a_terminal_says_each_phase_once_and_then_every_five_seconds() -> None:
    """Logs stay short."""
    output, now = io.StringIO(), [0.0]
    progress = Progress(Console(output, terminal=False), clock=lambda: now[0])
    for second in range(12):
        now[0] = float(second)
        progress.show({"status": "running", "phase": "checking", "done": second, "total": 20})
    assert [line.split()[2] for line in output.getvalue().splitlines()] == ["0", "5", "10"]


def test_the_live_line_of_a_terminal_is_replaced() -> None:
    """By the next one, and by a line that stays."""
    output = io.StringIO()
    console = Console(output, terminal=True)
    console.live("one")
    console.live("two")
    console.line("stays")
    assert output.getvalue() == "one\r\x1b[2Ktwo\r\x1b[2Kstays\n"


def test_an_error_shows_what_happened_the_log_and_what_to_do() -> None:
    """In this order, with air between them."""
    output = io.StringIO()
    Console(output, terminal=False).error(DevError("It broke.", hint="mend it", details=["last line"]))
    assert output.getvalue().split("\n") == [
        "",
        "Error: It broke.",
        "",
        "    last line",
        "",
        "What to do: mend it",
        "",
    ]


def test_text_that_the_stream_cannot_show_is_replaced() -> None:
    """A terminal without Unicode must not end the command."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Console(stream, terminal=False).line("Müller → 5 €")
    stream.seek(0)
    assert stream.read() == "M?ller ? 5 ?\n"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (3725, "62 min 05 s")]
)
def test_durations(seconds: float, words: str) -> None:
    """Seconds with one digit, minutes above sixty."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("text", "width", "short"), [("abc", 3, "abc"), ("abcdef", 5, "ab..."), ("a  b\nc", 9, "a b c")]
)
def test_shortened_text_fits(text: str, width: int, short: str) -> None:
    """On one line, with dots where something was cut."""
    assert shorten(text, width) == short
