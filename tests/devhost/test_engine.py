"""The engine with real SDK orchestrators: what an instance does from its start to its end."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devhost.clock import SystemClock
from devhost.engine.models import RuntimeStatus
from tests.devhost.engine_kit import START, App, Host, ThreadedApp, events_of
from tests.devhost.sample_app import add_functions, chain


@pytest.fixture
def host() -> Iterator[Host]:
    """A host with the sample functions."""
    with Host(add_functions(App())) as host:
        yield host


def test_a_chain_passes_results_on(host: Host) -> None:
    """Each step is replayed, and each activity runs once."""
    status = host.run("chain")
    assert status.payload()["output"] == [1, {"a": 1, "s": "text"}]
    assert events_of(status) == ["ExecutionStarted", "TaskCompleted", "TaskCompleted", "ExecutionCompleted"]
    assert host.app.ran == [("echo", 1), ("echo", {"a": 1, "s": "text"})]


def test_a_fan_out_is_replayed_a_few_times_not_once_for_each_child(host: Host) -> None:
    """Ends that come together are one episode."""
    assert host.output("fan", 200) == 199 * 100
    assert host.app.replays == 2


def test_a_failed_activity_fails_the_instance_in_the_words_of_the_real_host(host: Host) -> None:
    """Two blanks after the colon; the details follow on the next line."""
    status = host.run("failing")
    assert status.status is RuntimeStatus.FAILED
    first, details = (status.output or "").split(" \n ")
    assert first == (
        "Orchestrator function 'failing' failed: Activity function 'fail' failed:  ValueError: bad thing"
    )
    assert json.loads(details)["Message"] == " ValueError: bad thing"
    assert "in fail" in json.loads(details)["StackTraceString"]


def test_an_error_of_the_orchestrator_fails_the_instance(host: Host) -> None:
    """One of a generator, and one of a function that is none."""
    assert host.output("raising") == "Orchestrator function 'raising' failed: orchestrator broke"
    text = host.output("not_a_generator")
    assert text.startswith(
        "Orchestrator function 'not_a_generator' failed: One or more errors occurred. "
        "(Result: Failure\nException: RuntimeError: plain function broke\nStack: "
    )


def test_a_call_of_an_unknown_activity_fails_the_instance(host: Host) -> None:
    """The real host would leave it running for ever."""
    status = host.run("calls_unknown")
    assert status.output == (
        "Orchestrator function 'calls_unknown' failed: The function 'no_such_activity' doesn't exist, is "
        "disabled, or is not an activity function. Additional info: The following are the known activity "
        "functions: 'echo', 'fail'."
    )
    assert events_of(status) == ["ExecutionStarted", "ExecutionCompleted"]


def test_retries_take_their_time_and_one_more_timer(host: Host) -> None:
    """Two waits of a second; the last timer fires at once."""
    instance = host.start("retrying")
    host.engine.run_until_idle()
    assert len(host.app.ran) == 1
    host.engine.advance(timedelta(seconds=1))
    assert len(host.app.ran) == 2
    host.engine.advance(timedelta(seconds=1))
    status = host.status(instance)
    assert status.payload()["output"] == "Activity function 'fail' failed:  ValueError: bad always "
    assert events_of(status).count("TimerFired") == 3
    assert status.updated - status.created == timedelta(seconds=2)


def test_a_timer_fires_at_its_time_on_the_virtual_clock(host: Host) -> None:
    """Days take no time; the orchestrator sees exactly its own time."""
    instance = host.start("sleeping", 5 * 86400)
    host.engine.advance(timedelta(days=4))
    assert host.status(instance).status is RuntimeStatus.RUNNING
    host.engine.advance(timedelta(days=4))
    status = host.status(instance)
    assert status.payload()["output"] == 5 * 86400
    assert status.updated == START + timedelta(days=5)
    assert host.clock.now() == START + timedelta(days=8)


def test_a_long_timer_is_a_series_of_short_ones(host: Host) -> None:
    """The SDK hops in steps of three days."""
    instance = host.start("sleeping", 10 * 86400)
    host.engine.advance(timedelta(days=11))
    status = host.status(instance)
    assert status.payload()["output"] == 10 * 86400
    assert events_of(status).count("TimerFired") == 3


def test_a_timer_in_the_past_fires_at_once(host: Host) -> None:
    """There is nothing to wait for."""
    assert host.output("sleeping", -3600) == 0


def test_an_event_wins_against_the_timer_and_the_timer_is_gone(host: Host) -> None:
    """The instance completes at once, and no timer is left behind."""
    instance = host.start("approval")
    host.engine.run_until_idle()
    assert host.status(instance).payload()["customStatus"] == {"waiting": True}
    host.engine.raise_event(instance, "Approval", '{"by":"ann"}')
    host.engine.run_until_idle()
    assert host.status(instance).payload()["output"] == {"approved": {"by": "ann"}}
    assert host.engine.next_due() is None
    assert host.store.timers() == []


def test_a_timer_that_wins_ends_the_wait(host: Host) -> None:
    """After its three days."""
    instance = host.start("approval")
    host.engine.advance(timedelta(days=3))
    assert host.status(instance).payload()["output"] == "timed out"


def test_children_get_their_input_and_report_to_their_parent(host: Host) -> None:
    """One with an id of its own, one with the id that the parent gave."""
    status = host.run("parent")
    assert status.payload()["output"] == [{"got": "a", "parent": True}, {"got": "b", "parent": True}]
    named = host.status(f"{status.instance_id}-named")
    assert named.payload()["input"] == '"b"'
    assert named.payload()["output"] == {"got": "b", "parent": True}


def test_a_failed_child_fails_in_its_parent(host: Host) -> None:
    """With its own text in front."""
    assert host.output("parent_of_failing") == (
        "Orchestrator function 'failing' failed: Activity function 'fail' failed:  ValueError: bad thing "
    )


def test_a_terminated_child_fails_in_its_parent_with_the_reason(host: Host) -> None:
    """The parent can go on from there."""
    instance = host.start("parent_of", "the-child")
    host.engine.run_until_idle()
    host.engine.terminate("the-child", "not needed")
    host.engine.run_until_idle()
    assert host.status(instance).payload()["output"] == "not needed "


def test_a_child_under_an_id_in_use_fails_in_its_parent(host: Host) -> None:
    """Rather than wait for ever; the one that is there goes on."""
    taken = host.start("approval")
    instance = host.start("parent_of", taken)
    host.engine.run_until_idle()
    assert host.status(instance).payload()["output"] == (
        "An Orchestration instance with the status Running already exists. "
    )
    assert host.status(taken).status is RuntimeStatus.RUNNING


def test_continue_as_new_starts_over_under_the_same_id(host: Host) -> None:
    """With a new input and a new history."""
    status = host.run("counting", 1)
    assert status.payload()["output"] == "ended at 3"
    assert status.payload()["input"] == "3"
    assert events_of(status) == ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"]
    assert (status.history or [{}])[0]["Generation"] == 2


def test_events_survive_continue_as_new(host: Host) -> None:
    """All of them came before the first run had even begun."""
    instance = host.start("collecting")
    for word in ("one", "two", "three", "stop"):
        host.engine.raise_event(instance, "Word", json.dumps(word))
        host.engine.run_until_idle()
    assert host.status(instance).payload()["output"] == ["one", "two", "three"]


def test_custom_status_is_that_of_the_last_replay(host: Host) -> None:
    """A run that sets none clears it."""
    assert host.run("counting", 3).payload()["customStatus"] == "at 3"
    assert host.run("chain").payload()["customStatus"] is None


def test_a_pending_instance_has_no_history(host: Host) -> None:
    """Nothing has been done for it yet."""
    status = host.status(host.start("chain"))
    assert (status.status, status.history) == (RuntimeStatus.PENDING, None)
    assert "historyEvents" not in status.payload()


@pytest.mark.filterwarnings("ignore:Potential duplicate Task completion")
def test_a_changed_orchestrator_fails_as_non_deterministic(host: Host) -> None:
    """The history says that something else was scheduled."""
    instance = host.start("approval")
    host.engine.run_until_idle()
    host.app.orchestrators["approval"] = host.app.orchestrators["chain"]
    host.engine.raise_event(instance, "Approval")
    host.engine.run_until_idle()
    assert (host.status(instance).output or "").startswith("Non-Deterministic workflow detected: ")


def test_an_orchestrator_that_was_removed_fails_its_instances(host: Host) -> None:
    """With the text for unknown functions."""
    instance = host.start("approval")
    host.engine.run_until_idle()
    del host.app.orchestrators["approval"]
    host.engine.raise_event(instance, "Approval")
    host.engine.run_until_idle()
    assert (host.status(instance).output or "").startswith("The function 'approval' doesn't exist")


def test_names_of_functions_ignore_case(host: Host) -> None:
    """The instance keeps the name that the caller gave."""
    assert host.run("CHAIN").name == "CHAIN"


def test_stored_inputs_are_shown_in_the_history() -> None:
    """With storeInputsInOrchestrationHistory."""
    with Host(add_functions(App()), store_inputs_in_orchestration_history=True) as host:
        rows = host.run("chain").history or []
        assert json.loads(rows[1]["Input"]) == ["1"]


def test_time_stamps_in_a_history_never_go_backwards(host: Host) -> None:
    """Events, and the row of the instance."""
    status = host.run("everything")
    host.engine.advance(timedelta(hours=2))
    status = host.status(status.instance_id)
    stamps = [row["Timestamp"] for row in status.history or []]
    assert status.status is RuntimeStatus.COMPLETED
    assert stamps == sorted(stamps)


def test_text_of_any_kind_survives(host: Host) -> None:
    """Also what UTF-8 cannot hold."""
    for value in ("zażółć 🦊", "\x00\x01", "\ud800", '"IsPlayed":false', "$OutOfProcData$:"):
        status = host.run("child", value)
        assert status.payload()["output"]["got"] == value


# -- with threads and the real clock


def test_the_thread_of_the_engine_does_it_all_by_itself() -> None:
    """Callers wait for the end without asking again and again."""
    with Host(add_functions(ThreadedApp()), clock=SystemClock(), threaded=True) as host:
        instance = host.start("fan", 50)
        status = host.engine.wait(instance, 10)
        assert status is not None
        assert status.payload()["output"] == 49 * 25
        host.engine.run_until_idle(10)


def test_no_more_activities_run_at_once_than_the_settings_allow() -> None:
    """maxConcurrentActivityFunctions."""
    app = add_functions(ThreadedApp(threads=8))
    app.activities["echo"] = lambda value: (time.sleep(0.002), value)[1]
    with Host(app, clock=SystemClock(), threaded=True, max_concurrent_activity_functions=3) as host:
        assert host.engine.wait(host.start("fan", 30), 10) is not None
        assert isinstance(app, ThreadedApp)
        assert app.most_at_once == 3


def test_a_timer_fires_by_the_real_clock() -> None:
    """The engine sleeps until then and wakes by itself."""
    with Host(add_functions(App()), clock=SystemClock(), threaded=True) as host:
        before = datetime.now(UTC)
        status = host.engine.wait(host.start("sleeping", 0.05), 10)
        assert status is not None
        assert timedelta(milliseconds=50) <= datetime.now(UTC) - before < timedelta(seconds=5)


def test_a_virtual_clock_works_with_the_engines_thread() -> None:
    """Timers fire in order while the test only moves the clock."""
    with Host(add_functions(ThreadedApp()), threaded=True) as host:
        instance = host.start("retrying")
        host.engine.advance(timedelta(seconds=5))
        assert host.status(instance).status is RuntimeStatus.COMPLETED
        assert len(host.app.ran) == 3


def test_callers_of_many_threads_are_served_while_the_engine_works() -> None:
    """Each gets its own answer."""
    with Host(add_functions(ThreadedApp()), clock=SystemClock(), threaded=True) as host:

        def call(n: int) -> Any:
            instance = host.start("collecting")
            host.engine.raise_event(instance, "Word", json.dumps(f"word {n}"))
            time.sleep(0.001 * (n % 7))
            host.engine.raise_event(instance, "Word", '"stop"')
            status = host.engine.wait(instance, 20)
            return status and status.payload()["output"]

        with ThreadPoolExecutor(8) as callers:
            heard = list(callers.map(call, range(60)))
    assert heard == [[f"word {n}"] for n in range(60)]


def test_a_caller_that_waits_too_short_gets_nothing() -> None:
    """The instance goes on."""
    with Host(add_functions(App()), threaded=True) as host:
        assert host.engine.wait(host.start("approval"), 0.05) is None


def test_another_order_of_ready_instances_can_be_chosen() -> None:
    """A test may look for a fault that depends on it."""
    order: list[str] = []
    app = add_functions(App())

    def noted(context):
        order.append(context.instance_id)
        yield from chain(context)

    app.orchestrates(noted)
    with Host(app, choose=lambda count: count - 1) as host:
        for name in "abc":
            host.start("noted", instance_id=name)
        host.engine.run_until_idle()
    assert order[0] == "c"
