"""``export`` and ``replay`` on the command line, and input that is no history."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devhost.cli import main
from devhost.errors import InstanceNotFound, StateFileError, StateFileVersion
from devhost.replay import UnusableHistory, check, export_instance, read
from devhost.testing import Host
from tests.devhost.replay_kit import app, record
from tests.devhost.server_kit import ROOT, Server

APP = """
import azure.durable_functions as df
import azure.functions as func
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.orchestration_trigger(context_name="context")
def flow(context):
    print("the app speaks")
    a = yield context.call_activity("work", 1)
    b = yield context.wait_for_external_event("go")
    return [a, b]

@app.activity_trigger(input_name="n")
def work(n: int) -> int:
    return n + 1
"""
START = "/runtime/webhooks/durabletask"


def flow(context):
    """One step."""
    return (yield context.call_activity("fetch", 1))


def changed(context):
    """Another step."""
    return (yield context.call_activity("save", 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a small app."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "function_app.py").write_text(APP)
    (tmp_path / "app" / "host.json").write_text('{"version": "2.0"}')
    return tmp_path / "app"


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "devhost", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# -- export


def test_history_is_exported_while_the_host_runs(folder: Path, tmp_path: Path):
    """From the file that the host holds locked; the host goes on and keeps its lock."""
    import requests

    state = tmp_path / "state.db"
    with Server(folder, tmp_path / "work", "--state", str(state)) as server:
        requests.post(f"{server.base}{START}/orchestrators/flow/one", json={}, timeout=10).raise_for_status()
        exported = _until_scheduled(state, tmp_path)
        assert exported["runtimeStatus"] == "Running"
        target = tmp_path / "one.json"
        ended = run("export", "one", "--state", str(state), "--out", str(target), cwd=tmp_path)
        assert (ended.returncode, ended.stdout) == (0, "")
        ended = run("replay", str(target), "--app", str(folder), cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.rstrip().endswith("agrees (still running at its end)")
        second = run("start", "--app", str(folder), "--port", "0", "--state", str(state), cwd=tmp_path)
        assert "is in use by another host" in second.stderr
        event = f"{server.base}{START}/instances/one/raiseEvent/go"
        requests.post(event, json=5, timeout=10).raise_for_status()


def _until_scheduled(state: Path, cwd: Path) -> dict[str, Any]:
    """Export until the first step is over."""
    ended = None
    for _ in range(40):
        ended = run("export", "one", "--state", str(state), cwd=cwd)
        if ended.returncode == 0 and '"EventType": 5' in ended.stdout:
            return json.loads(ended.stdout)
    raise AssertionError(f"the step is never over: {ended}")


def test_export_holds_all_that_is_stored(tmp_path: Path):
    """Format, identity, versions of the packages, and every event with its id, one a line."""
    full = record(flow, {"a": 1}).full
    assert full["format"] == 1
    assert (full["name"], full["instanceId"], full["runtimeStatus"]) == ("flow", "one", "Completed")
    assert (full["input"], full["output"]) == ('{"a": 1}', 1)
    assert set(full["exportedWith"]) == {"python", "azure-functions", "azure-functions-durable"}
    kinds = [one["EventType"] for one in full["events"]]
    assert kinds == [12, 0, 4, 13, 12, 5, 1, 13]
    assert all("EventId" in one for one in full["events"])


def test_export_of_a_killed_host_has_its_last_commit(tmp_path: Path):
    """What is only in the write-ahead log is there."""
    state = tmp_path / "s.db"
    with Host(app(flow), state=state, activities={"fetch": 1}) as host:
        host.run("flow", instance_id="one")
        for suffix in ("", "-wal"):
            (tmp_path / f"copy.db{suffix}").write_bytes((tmp_path / f"s.db{suffix}").read_bytes())
    assert export_instance(tmp_path / "copy.db", "one")["runtimeStatus"] == "Completed"
    assert (tmp_path / "copy.db-wal").exists(), "the export touches nothing"


def test_export_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """No file, no such instance, an entity, a file of something else, one that is cut off."""
    state = tmp_path / "state.db"
    with Host(app(flow), state=state, activities={"fetch": 1}) as host:
        host.run("flow", instance_id="one")
    with pytest.raises(StateFileError, match="--in-memory has none"):
        export_instance(tmp_path / "nowhere.db", "one")
    with pytest.raises(InstanceNotFound, match="No instance with ID 'two' found"):
        export_instance(state, "two")
    other = tmp_path / "other.db"
    other.write_text("not a database, but long enough to be looked at " * 40)
    with pytest.raises(StateFileVersion, match=str(other)):
        export_instance(other, "one")
    assert main(["export", "two", "--state", str(state)]) == 1
    assert "No instance with ID 'two' found" in capsys.readouterr().err
    assert main(["export", "one", "--state", str(state), "--out", str(tmp_path / "no" / "f.json")]) == 1
    assert "cannot be written" in capsys.readouterr().err


# -- replay


def write(folder: Path, name: str, value: Any) -> Path:
    """Write a history."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))
    return folder / name


def recorded_flow() -> dict[str, Any]:
    """A history of the app's own orchestrator."""

    def flow(context):
        a = yield context.call_activity("work", 1)
        b = yield context.wait_for_external_event("go")
        return [a, b]

    def act(host: Host) -> None:
        host.raise_event("one", "go", 5)

    return record(flow, act=act, activities={"work": 2}).full


def test_folder_is_replayed_with_one_line_each(folder: Path, tmp_path: Path):
    """The app's own output is not mixed in; exit code 1 when one departs; --json for programs."""
    good = recorded_flow()
    bad = json.loads(json.dumps(good).replace('"work"', '"labour"'))
    histories = tmp_path / "histories"
    write(histories, "good.json", good)
    ended = run("replay", "histories", "--app", str(folder), cwd=tmp_path)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "1 agree, 0 depart, 0 unusable")
    write(histories, "bad.json", bad)
    write(histories, "none.json", "{}")
    ended = run("replay", "histories", "--app", str(folder), cwd=tmp_path)
    assert ended.returncode == 1
    assert "histories/bad.json: flow one, " in ended.stdout
    assert "departs at events[2] TaskScheduled" in ended.stdout
    assert f"{folder}/function_app.py".removeprefix(f"{tmp_path}/") + ":9 in flow" in ended.stdout
    assert "histories/none.json is no history" in ended.stdout
    assert "the app speaks" not in ended.stdout
    assert ended.stdout.splitlines()[-1] == "1 agree, 1 depart, 1 unusable"
    ended = run("replay", "histories/bad.json", "--app", str(folder), "--json", cwd=tmp_path)
    answer = json.loads(ended.stdout)
    assert (ended.returncode, answer["exitCode"]) == (1, 1)
    departure = answer["results"][0]["departure"]
    assert (departure["index"], departure["name"], departure["line"]) == (2, "labour", 9)


def test_unusable_input_has_its_own_exit_code(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """No file, an empty folder, an app that does not import."""
    history = write(tmp_path, "h.json", recorded_flow())
    assert main(["replay", str(tmp_path / "nowhere.json"), "--app", str(folder)]) == 2
    (tmp_path / "empty").mkdir()
    assert main(["replay", str(tmp_path / "empty"), "--app", str(folder)]) == 2
    assert main(["replay", str(history), "--app", str(tmp_path / "empty")]) == 2
    told = capsys.readouterr().err
    assert "There is no *.json" in told
    assert "There is no function_app.py" in told


UNUSABLE = [
    ("{", "is no JSON"),
    ('{"format": 1, "events": [{"EventType": 12,', "It ends too early"),
    ("[]", "has no events"),
    ('"text"', "neither an object nor a list"),
    ("{}", "neither 'events' nor 'historyEvents'"),
    ('{"runtimeStatus": "Completed"}', "without its history"),
    ('{"events": []}', "no format number"),
    ('{"format": 99, "events": []}', "has format 99"),
    ('{"format": 1, "events": [5]}', "is no event"),
    ('{"format": 1, "events": [{"EventType": 77}]}', "EventType 77"),
    ('{"format": 1, "events": [{"EventType": "Nonsense"}]}', "EventType 'Nonsense'"),
    ('{"format": 1, "events": [{"EventType": 12, "Timestamp": "yesterday"}]}', "no Timestamp"),
    (
        '{"format": 1, "events": [{"EventType": 13, "EventId": -1, "Timestamp": "2024-01-01T00:00:00Z"}]}',
        "does not begin with OrchestratorStarted",
    ),
    (
        '{"format": 1, "events": [{"EventType": 12, "EventId": -1, "Timestamp": "2024-01-01T00:00:00Z"}]}',
        "no ExecutionStarted",
    ),
]


@pytest.mark.parametrize(("text", "told"), UNUSABLE, ids=[told for _, told in UNUSABLE])
def test_input_that_is_no_history_is_told_apart(tmp_path: Path, text: str, told: str):
    """Each with what is wrong and the name of the file."""
    path = write(tmp_path, "h.json", text)
    with pytest.raises(UnusableHistory, match=told) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_event_without_its_fields_is_named():
    """A completion that does not say of what."""
    full = record(flow).full
    del full["events"][5]["TaskScheduledId"]
    with pytest.raises(
        UnusableHistory, match=r"events\[5\] of the history \(TaskCompleted\) has no TaskScheduledId"
    ):
        check(full, app(flow))


def test_folded_history_without_results_or_inputs_is_refused():
    """It would replay with other values and blame the code."""
    shown = record(flow, {"a": 1}).shown
    for row in shown["historyEvents"]:
        row.pop("Result", None)
    with pytest.raises(UnusableHistory, match="showHistoryOutput=true"):
        check(shown, app(flow))
    shown = record(flow, {"a": 1}).shown
    for row in shown["historyEvents"]:
        row.pop("Input", None)
    with pytest.raises(UnusableHistory, match="showInput=false"):
        check(shown, app(flow))


def test_folded_history_tells_what_it_cannot_tell():
    """Which result belongs to which of equal calls; then another output is a warning only."""

    def fan(context):
        return (yield context.task_all([context.call_activity("part", n) for n in range(3)]))

    shown = record(fan).shown
    first, second = (n for n, row in enumerate(shown["historyEvents"]) if row.get("Result") in (0, 1))
    events = shown["historyEvents"]
    events[first], events[second] = events[second], events[first]
    result = check(shown, app(fan))
    assert result.agrees
    assert "[1,0,2]" in result.warnings[0]
    assert any("3 calls of 'part'" in note for note in result.notes)


def test_times_tell_equal_calls_apart_where_they_differ():
    """The real host stamps each call by itself: then every result finds its call, whatever the order of
    ends.
    """

    def fan(context):
        return (yield context.task_all([context.call_activity("part", n) for n in range(3)]))

    shown = record(fan).shown
    events = shown["historyEvents"]
    ends = [row for row in events if row["EventType"] == "TaskCompleted"]
    for row in ends:
        row["ScheduledTime"] = f"2024-01-01T00:00:00.{row['Result'] + 1}Z"
        row["Timestamp"] = f"2024-01-01T00:00:0{5 - row['Result']}Z"
    events[1:4] = reversed(ends)
    result = check(shown, app(fan))
    assert result.agrees
    assert result.warnings == []
    assert len(result.notes) == 2
