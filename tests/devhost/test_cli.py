"""The command line: what it prints, where the state goes, how it ends."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from devhost.cli import main
from tests.devhost.server_kit import APP_HEAD, IN_WORKERS, ROOT, Server, write_app

APP = """
@app.route(route="hello/{name?}", methods=["GET", "POST"])
def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.getcwd())

@app.timer_trigger(arg_name="tick", schedule="0 0 0 1 1 *")
def tick(tick: func.TimerRequest) -> None: ...

@app.route(route="stop/{seconds}")
def slow(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(float(req.route_params["seconds"]))
    return func.HttpResponse("late")
"""


@pytest.fixture
def app(tmp_path):
    """A small app."""
    return write_app(tmp_path / "app", APP)


def test_start_lists_functions_and_their_urls(app, tmp_path):
    """As Core Tools does; the app runs in its own folder."""
    with Server(app, tmp_path / "work") as server:
        text = server.output.read_text()
        port = server.base.rpartition(":")[2]
        assert f"\thello: [GET,POST] http://localhost:{port}/api/hello/{{name?}}" in text
        assert "\ttick: timerTrigger 0 0 0 1 1 *" in text
        assert f"Host is ready: http://localhost:{port}" in text
        assert (app / ".devhost" / "state.db").exists()
        assert server.http("GET", "/api/hello").text == str(app)
        ready = json.loads(server.ready_file.read_text())
        assert ready["pid"] == server.process.pid
        assert ready["rpc"].endswith("/durabletask/")


def test_the_start_tells_where_orchestrators_run(app, tmp_path):
    """In the host, without a word; in worker processes, at least one, with what that means."""
    text = "Orchestrators and entities run in worker processes"
    with Server(app, tmp_path / "one", "--in-memory") as server:
        assert text not in server.output.read_text()
    options = ("--in-memory", "--orchestrators-in-workers", "--workers")
    for workers, shown in (("0", 1), ("2", 2)):
        with Server(app, tmp_path / workers, *options, workers) as server:
            assert f"{text} ({shown}). Each step is a replay;" in server.output.read_text()


def test_what_is_for_kept_instances_is_refused_where_there_are_none(capsys):
    """With the reason, before anything is started."""
    with pytest.raises(SystemExit) as ended:
        main(["start", "--orchestrators-in-workers", "--check-every", "5"])
    assert ended.value.code == 2
    assert "--check-every is for orchestrations kept in memory." in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [("--workers", "0"), ("--workers", "2"), IN_WORKERS])
def test_signal_ends_the_host_cleanly(app, tmp_path, number, options):
    """Exit code 0, no traceback, the ready file is gone."""
    with Server(app, tmp_path / "work", "--in-memory", *options) as server:
        assert server.stop(number) == 0
        assert not server.ready_file.exists()
        assert "Traceback" not in server.output.read_text()


def test_stop_does_not_wait_for_a_request_that_takes_long(app, tmp_path):
    """A thread in user code cannot be ended, but it does not keep the process either."""
    with Server(app, tmp_path / "work", "--in-memory") as server:
        with pytest.raises(Exception, match=r"Connection|Read timed out"):
            server_call(server, "/api/stop/20")
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5


def server_call(server, path):
    """Begin a request and give up on it."""
    import requests

    requests.get(server.base + path, timeout=0.5)


def test_json_lines_are_json(app, tmp_path):
    """--log json writes one object a line."""
    with Server(app, tmp_path / "work", "--in-memory", "--log", "json") as server:
        server.stop()
        lines = [line for line in server.output.read_text().splitlines() if line.startswith("{")]
        assert json.loads(lines[-1])["message"] == "Stopping."


def run(*arguments, cwd=None):
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "devhost", "start", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_port_that_is_taken_has_its_own_exit_code(app, tmp_path):
    """With a message that says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("--app", str(app), "--port", str(port), "--in-memory", cwd=tmp_path)
    assert ended.returncode == 3
    assert f"Port {port} is unavailable" in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_state_file_of_a_running_host_is_refused(app, tmp_path):
    """Two hosts on one file would both do the work."""
    with Server(app, tmp_path / "work", "--state", str(tmp_path / "state.db")):
        ended = run("--app", str(app), "--port", "0", "--state", str(tmp_path / "state.db"), cwd=tmp_path)
    assert ended.returncode == 1
    assert "is in use by another host" in ended.stderr


@pytest.mark.parametrize("workers", ["0", "2"])
def test_app_that_does_not_import_ends_the_start_with_the_line(tmp_path, workers):
    """Told once, though worker processes fail in the same way."""
    app = write_app(tmp_path / "app", "value = 1 / 0")
    ended = run("--app", str(app), "--port", "0", "--in-memory", "--workers", workers, cwd=tmp_path)
    assert ended.returncode == 1
    assert "line 6" in ended.stderr
    assert ended.stderr.count("ZeroDivisionError") == 1
    assert "devhost" not in ended.stderr


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            '@app.timer_trigger(arg_name="t", schedule="0 0 0 30 2 *")\ndef t(t: func.TimerRequest): ...',
            "function 't': the schedule never fires",
        ),
        (
            '@app.queue_trigger(arg_name="m", queue_name="q", connection="Nowhere")\ndef q(m): ...',
            "function 'q': no connection string: none of the settings 'AzureWebJobsNowhere' and 'Nowhere'",
        ),
        (
            '@app.blob_trigger(arg_name="b", path="{x}/y", connection="C")\ndef b(b: func.InputStream): ...',
            "function 'b': blob trigger path '{x}/y': the container must be a plain name",
        ),
    ],
)
def test_trigger_that_cannot_work_ends_the_start(tmp_path, source, text):
    """The function is named with what to mend."""
    app = write_app(tmp_path / "app", source)
    (app / "local.settings.json").write_text('{"Values": {"C": "UseDevelopmentStorage=true"}}')
    ended = run("--app", str(app), "--port", "0", "--in-memory", cwd=tmp_path)
    assert ended.returncode == 1
    assert text in ended.stderr


def test_folder_without_an_app_is_told(tmp_path, capsys, monkeypatch):
    """No traceback, the folder is named."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.chdir(tmp_path)
    assert main(["start", "--app", str(tmp_path), "--in-memory", "--port", "0"]) == 1
    assert f"There is no function_app.py in {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--workers", "-1"], ["--state", "a", "--in-memory"]])
def test_wrong_option_is_a_usage_error(arguments, capsys):
    """Exit code 2, as argparse does."""
    with pytest.raises(SystemExit) as ended:
        main(["start", *arguments])
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_state_that_cannot_be_kept_is_told(app, tmp_path):
    """A file is where the folder should be."""
    (tmp_path / "taken").write_text("")
    ended = run(
        "--app", str(app), "--port", "0", "--state", str(tmp_path / "taken" / "state.db"), cwd=tmp_path
    )
    assert ended.returncode == 1
    assert "for the state cannot be made" in ended.stderr
    assert "--in-memory" in ended.stderr


NAP = """
@app.orchestration_trigger(context_name="context")
def nap(context):
    began = context.current_utc_datetime
    yield context.create_timer(began + datetime.timedelta(seconds=0.95))
    return (context.current_utc_datetime - began).total_seconds()
"""


@pytest.mark.parametrize("early", [False, True])
def test_timers_are_early_where_that_is_asked_for(tmp_path, early):
    """As the real host fires them: a wait is cut to whole seconds. Otherwise they are never early."""
    folder = write_app(tmp_path / "app", NAP, f"import datetime{APP_HEAD}")
    options = ["--early-timers"] if early else []
    with Server(folder, tmp_path / "work", "--in-memory", *options) as server:
        naps = [_nap(server) for _ in range(3)]
    assert (min(naps) < 0.95) is early, naps


def _nap(server):
    """Run one nap and return how long it was, in seconds."""
    started = server.http("POST", "/runtime/webhooks/durabletask/orchestrators/nap").json()
    path = started["statusQueryGetUri"].partition("/runtime")[2]
    while (status := server.http("GET", f"/runtime{path}").json())["runtimeStatus"] != "Completed":
        assert status["runtimeStatus"] in ("Pending", "Running"), status
        time.sleep(0.05)
    return status["output"]
