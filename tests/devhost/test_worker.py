"""Running functions: arguments, results, errors; in threads and in processes of their own."""

import asyncio
import io
import json
import os
import queue
import signal
import subprocess
import sys
import textwrap
import time
from itertools import combinations
from pathlib import Path

import azure.functions as func
import pytest

from devhost.app.index import load_app
from devhost.app.settings import load_settings
from devhost.engine.ports import ActivityOutcome, NotStarted, TimedOut, WorkerLost
from devhost.orchestration.actions import parse_failure
from devhost.orchestration.history import Event, History, context_json
from devhost.workers.frames import Frame, read_frame, write_frame
from devhost.workers.invocation import Invoker
from devhost.workers.invocations import Answer, Invocation, text_body, text_of
from devhost.workers.pool import WorkerPool, exit_text
from devhost.workers.worker import ActivityThreads, Worker
from tests.devhost.shim_kit import STARTED, begin

APP = """
import asyncio, os, signal, sys, time
import azure.functions as func
import azure.durable_functions as df

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.activity_trigger(input_name="value")
def echo(value):
    return value

@app.activity_trigger(input_name="value")
async def echo_async(value):
    await asyncio.sleep(0)
    return value

@app.activity_trigger(input_name="value")
def boom(value):
    raise ValueError(f"bad {value}")

@app.activity_trigger(input_name="value")
def leave(value):
    sys.exit("bye")

@app.activity_trigger(input_name="value")
async def leave_async(value):
    sys.exit("bye")

@app.activity_trigger(input_name="value")
def a_set(value):
    return {1}

@app.activity_trigger(input_name="value")
def process_id(value):
    print("user code prints")
    return os.getpid()

@app.activity_trigger(input_name="value")
def nap(value):
    time.sleep(value)
    return os.getpid()

@app.activity_trigger(input_name="value")
def nap_from_to(value):
    began = time.monotonic()
    time.sleep(value)
    return [os.getpid(), began, time.monotonic()]

@app.activity_trigger(input_name="value")
def die(value):
    os.kill(os.getpid(), signal.SIGKILL)

@app.activity_trigger(input_name="value")
@app.durable_client_input(client_name="client")
async def hub(value, client):
    return client._orchestration_bindings.task_hub_name

@app.activity_trigger(input_name="value")
def who(value, context: func.Context):
    same = context.thread_local_storage.invocation_id == context.invocation_id
    return [context.function_name, len(context.invocation_id), same]

@app.orchestration_trigger(context_name="context")
def ask(context):
    said = yield context.call_activity("echo", "\\ud83d")
    return said

@app.orchestration_trigger(context_name="context")
def wrong(context):
    raise ValueError("no")
    yield

@app.entity_trigger(context_name="context")
def total(context):
    state = context.get_state(lambda: 0) + context.get_input()
    context.set_state(state)
    context.set_result([state, os.getpid()])

@app.route(route="stray")
def stray(req: func.HttpRequest):
    return "text"

@app.timer_trigger(arg_name="tick", schedule="0 0 0 1 1 *")
def timer(tick: func.TimerRequest):
    return "stray"
"""
CLIENT = json.dumps({"taskHubName": "MyHub", "creationUrls": {}, "managementUrls": {"id": "x"}})


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """The settings of the app above."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "function_app.py").write_text(textwrap.dedent(APP))
    sys.modules.pop("function_app", None)
    yield load_settings(tmp_path)
    sys.modules.pop("function_app", None)


@pytest.fixture
def threads(settings):
    """Activities in threads of this process."""
    running = ActivityThreads(load_app(settings), Invoker(CLIENT), threads=4, limit=None)
    yield running
    running.stop()


@pytest.fixture
def pool(settings):
    """Activities in two processes."""
    running = WorkerPool(2, settings.app_folder)
    running.open(CLIENT)
    yield running
    running.stop()


def run(runner, name, value=None, seconds=20.0) -> ActivityOutcome:
    """Submit one call and wait for its outcome."""
    return runs(runner, [(name, value)], seconds)[0]


def runs(runner, calls, seconds=20.0) -> list[ActivityOutcome]:
    """Submit all calls, then wait for all outcomes; the order is that of the calls."""
    answers: queue.Queue[tuple[int, ActivityOutcome]] = queue.Queue()
    for place, (name, value) in enumerate(calls):
        runner.submit_activity(
            name, json.dumps(value), lambda outcome, place=place: answers.put((place, outcome))
        )
    found = dict(answers.get(timeout=seconds) for _ in calls)
    return [found[place] for place in range(len(calls))]


def message(outcome: ActivityOutcome) -> str:
    """Return the text of a failed activity."""
    assert outcome.error is not None
    return outcome.error.message


@pytest.mark.parametrize("value", [None, True, 0, 1.5, 2**70, "text", "ž🦊", [1, [2]], {"b": 1, "a": None}])
@pytest.mark.parametrize("name", ["echo", "echo_async"])
def test_value_goes_through_an_activity_unchanged(threads, name, value):
    """Plain and coroutine activities alike."""
    assert json.loads(run(threads, name, value).result or "") == value


def test_error_is_told_as_type_and_text_with_the_frames_of_the_app(threads):
    """The traceback begins in user code."""
    outcome = run(threads, "boom", 7)
    assert message(outcome) == "ValueError: bad 7"
    assert outcome.error is not None
    assert "function_app.py" in outcome.error.traceback
    assert "devhost" not in outcome.error.traceback


def test_result_that_is_no_json_fails_the_activity(threads):
    """The words are those of azure-functions."""
    assert (
        message(run(threads, "a_set"))
        == "ValueError: activity trigger output must be json serializable ({1})"
    )


@pytest.mark.parametrize("name", ["leave", "leave_async"])
def test_sys_exit_in_an_activity_ends_the_activity_alone(threads, name):
    """A thread or the loop of the app must survive it."""
    assert "bye" in message(run(threads, name))
    assert run(threads, "echo_async", 1).result == "1"


def test_durable_client_reaches_an_activity(threads):
    """The SDK makes a client of the binding's text."""
    assert run(threads, "hub").result == '"MyHub"'


def test_context_describes_the_invocation(threads):
    """Its invocation id is that of the thread as well."""
    assert json.loads(run(threads, "who").result or "") == ["who", 36, True]


def test_activity_over_the_time_limit_is_answered_with_the_real_text(settings):
    """The thread cannot be ended, but nobody waits for it."""
    runner = ActivityThreads(load_app(settings), Invoker(), threads=2, limit=0.2)
    began = time.monotonic()
    assert (
        message(run(runner, "nap", 5.0))
        == "Timeout value of 00:00:00 was exceeded by function: Functions.nap"
    )
    assert time.monotonic() - began < 4
    assert run(runner, "echo", 1).result == "1"
    runner.stop()


async def test_plain_functions_do_not_hold_up_the_loop(settings):
    """Two naps in two threads overlap, and the loop goes on meanwhile."""
    index = load_app(settings)
    worker = Worker(index, Invoker(), activities=None, threads=2)
    nap = index.functions["nap_from_to"]
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    ticking = asyncio.create_task(tick())
    one, other = await asyncio.gather(worker.invoke(nap, 1.0), worker.invoke(nap, 1.0))
    ticking.cancel()
    assert max(one[1], other[1]) < min(one[2], other[2])
    assert ticks > 15


async def test_coroutines_run_beside_the_callers_loop(settings):
    """User code that blocks its loop does not block the one that serves HTTP."""
    index = load_app(settings)
    worker = Worker(index, Invoker(), activities=None)
    assert await worker.invoke(index.functions["echo_async"], 5) == 5


async def test_stray_return_value_is_an_error(settings):
    """A timer function returns nothing; the missing space is the real worker's."""
    index = load_app(settings)
    worker = Worker(index, Invoker(), activities=None)
    with pytest.raises(
        RuntimeError, match=r"function 'timer' without a \$return bindingreturned a non-None value"
    ):
        await worker.invoke(index.functions["timer"], func.TimerRequest)


# -------------------------------------------------------------------- processes


def test_activities_are_spread_over_the_processes(pool):
    """The process with the fewest in flight takes the next one, once both are there."""
    pids, deadline = set(), time.monotonic() + 60
    while len(pids) < 2 and time.monotonic() < deadline:
        pids |= {json.loads(one.result or "") for one in runs(pool, [("nap", 0.3)] * 4)}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_several_activities_run_in_one_process_at_once(pool):
    """Of three naps in two processes, two overlap in the same one."""
    naps = [json.loads(one.result or "") for one in runs(pool, [("nap_from_to", 1.0)] * 3)]
    pairs = [(one, other) for one, other in combinations(naps, 2) if one[0] == other[0]]
    assert any(max(one[1], other[1]) < min(one[2], other[2]) for one, other in pairs)


def test_values_errors_and_client_cross_the_border(pool):
    """The same outcomes as in threads."""
    outcomes = runs(pool, [("echo", {"ž": 2**70}), ("boom", 1), ("hub", None), ("echo_async", "x")])
    assert json.loads(outcomes[0].result or "") == {"ž": 2**70}
    assert message(outcomes[1]) == "ValueError: bad 1"
    assert outcomes[2].result == '"MyHub"'
    assert outcomes[3].result == '"x"'


def test_process_that_dies_fails_its_activities_and_is_replaced(pool):
    """Whatever was in flight in it gets the real host's text; the next activity works."""
    before = set(pool.process_ids())
    assert message(run(pool, "die")) == "python3 exited with code 137 (0x89)"
    outcomes = runs(pool, [("process_id", None)] * 8)
    assert all(outcome.error is None for outcome in outcomes)
    deadline = time.monotonic() + 10
    while len(pool.process_ids()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(pool.process_ids()) == 2
    assert set(pool.process_ids()) != before


def test_process_that_is_killed_while_it_starts_is_replaced_at_once(settings):
    """Six times in a row: pauses that grow are for an app that cannot be loaded."""
    pool = WorkerPool(1, settings.app_folder)
    pool.open(CLIENT)
    began = time.monotonic()
    for _ in range(6):
        (process_id,) = pool.process_ids()
        os.kill(process_id, signal.SIGKILL)
        while pool.process_ids() in ([process_id], []):
            assert time.monotonic() - began < 10, "it waits before it starts another one"
            time.sleep(0.005)
    assert run(pool, "echo", 2, seconds=60).result == "2"
    pool.stop()


def test_activity_over_the_time_limit_ends_its_process(settings):
    """As on the real host: the process is ended, and another one takes over."""
    pool = WorkerPool(1, settings.app_folder, limit=2.0)
    pool.open(CLIENT)
    assert (
        message(run(pool, "nap", 60, seconds=60))
        == "Timeout value of 00:00:02 was exceeded by function: Functions.nap"
    )
    assert run(pool, "echo", 2, seconds=60).result == "2"
    pool.stop()


def answer(pool: WorkerPool, invocation: Invocation) -> Answer:
    """Submit one call of any kind and wait for its answer."""
    answers: queue.Queue[Answer] = queue.Queue()
    pool.submit(invocation, answers.put)
    return answers.get(timeout=20)


def step(function: str, *events: Event) -> Invocation:
    """One step of an orchestration, as the engine sends it."""
    text = context_json(History([]), [begin(), STARTED, *events], STARTED)
    return Invocation("orchestrator", function, text_body(text))


def test_an_orchestrator_is_replayed_in_a_process(pool):
    """The whole history goes there, and the SDK's reply comes back, with half a surrogate pair in it."""
    reply = json.loads(text_of(answer(pool, step("ask")).body))
    assert reply["actions"][0][0] | {"functionName": "echo", "input": '"\\ud83d"'} == reply["actions"][0][0]
    assert reply["isDone"] is False


def test_the_error_of_an_orchestrator_comes_back_whole(pool):
    """The SDK puts its reply into the message of the exception."""
    error = answer(pool, step("wrong")).error
    assert error is not None
    assert type(error).__name__ == "ActivityError"
    reply = parse_failure(error.message)
    assert reply is not None
    assert reply.error == "no"


def test_an_entity_runs_in_a_process(pool):
    """A batch goes there, the state and the results come back."""
    batch = {
        "self": {"name": "total", "key": "k"},
        "exists": False,
        "state": None,
        "batch": [{"name": "add", "input": json.dumps(json.dumps(2)), "isSignal": False}],
    }
    answered = answer(pool, Invocation("entity", "total", text_body(json.dumps(batch))))
    reply = json.loads(text_of(answered.body))
    total, pid = json.loads(reply["results"][0]["result"])
    assert (reply["entityState"], total) == ("2", 2)
    assert pid in pool.process_ids()


def test_a_kind_that_is_not_known_is_an_error(pool):
    """Nobody waits for an answer that never comes."""
    error = answer(pool, Invocation("dance", "echo")).error
    assert error is not None
    assert error.message == "This worker process has no server for the kind 'dance'."


def test_an_error_tells_what_became_of_the_process(settings):
    """A step is repeated or failed by that: lost, late, or never begun."""
    pool = WorkerPool(1, settings.app_folder, limit=3.0)
    pool.open(CLIENT)
    assert isinstance(run(pool, "die", seconds=60).error, WorkerLost)
    assert isinstance(run(pool, "nap", 60, seconds=60).error, TimedOut)
    pool.stop()


def test_the_time_limit_begins_when_a_process_has_the_call(settings):
    """To import an app may take longer than the limit."""
    slow = settings.app_folder / "function_app.py"
    slow.write_text("import time; time.sleep(2)\n" + slow.read_text())
    pool = WorkerPool(1, settings.app_folder, limit=1.5)
    pool.open(CLIENT)
    assert run(pool, "echo", 1, seconds=60).result == "1"
    pool.stop()


def test_a_call_of_a_process_that_never_was_ready_has_not_been_started(tmp_path):
    """It died while it was importing the app."""
    (tmp_path / "function_app.py").write_text("import os; os._exit(3)")
    pool = WorkerPool(1, tmp_path)
    pool.open(CLIENT)
    assert run(pool, "x").error == NotStarted("python3 exited with code 3 (0x3)")
    pool.stop()


@pytest.mark.parametrize("cut", [3, 12, 14, 23])
def test_a_message_that_breaks_off_is_no_message(cut):
    """The other side died while it was writing: in the lengths, in the head, in the body."""
    stream = io.BytesIO()
    write_frame(stream, Frame({"id": 1}, b"body"))
    whole = stream.getvalue()
    assert read_frame(io.BytesIO(whole)) == Frame({"id": 1}, b"body")
    assert len(whole) == 25
    assert read_frame(io.BytesIO(whole[:cut])) is None


def test_stop_ends_all_processes(settings):
    """Even those in the middle of an activity."""
    pool = WorkerPool(2, settings.app_folder)
    pool.open(CLIENT)
    run(pool, "echo", 1)
    pids = pool.process_ids()
    pool.submit_activity("nap", "30", lambda outcome: None)
    pool.stop()
    assert not [pid for pid in pids if alive(pid)]


def test_processes_end_with_their_host_however_it_dies(settings):
    """After kill -9 of the host they notice the closed pipe."""
    root = str(Path(__file__).resolve().parents[2])
    program = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        "import time; from pathlib import Path; from devhost.workers.pool import WorkerPool\n"
        f"pool = WorkerPool(2, Path({str(settings.app_folder)!r})); pool.open('{{}}')\n"
        "pool.submit_activity('nap', '60', print); print(*pool.process_ids(), flush=True); time.sleep(60)\n"
    )
    host = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    pids = [int(text) for text in host.stdout.readline().split()]
    time.sleep(1.5)
    assert all(alive(pid) for pid in pids)
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [pid for pid in pids if alive(pid)]


def test_app_that_does_not_load_in_a_process_fails_activities_with_a_reason(tmp_path):
    """Nothing waits for ever; the log tells why."""
    (tmp_path / "function_app.py").write_text("raise RuntimeError('no')")
    pool = WorkerPool(1, tmp_path)
    pool.open(CLIENT)
    texts = [message(run(pool, "x")) for _ in range(4)]
    assert "python3 exited with code 0 (0x0)" in texts
    assert "no worker process is running; the log says why" in texts
    pool.stop()


@pytest.mark.parametrize(
    ("code", "text"),
    [(1, "python3 exited with code 1 (0x1)"), (-9, "python3 exited with code 137 (0x89)")],
)
def test_exit_is_told_as_the_real_host_does(code, text):
    """A signal counts from 128 on, in decimal and in hexadecimal."""
    assert exit_text(code) == text


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
