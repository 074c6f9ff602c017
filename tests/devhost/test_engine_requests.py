"""What callers may ask of instances: start, suspend, terminate, restart, rewind, purge, list."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

import pytest

from devhost.engine.models import InstanceFilter, RuntimeStatus
from devhost.engine.ports import ActivityOutcome
from devhost.errors import (
    EngineStopped,
    InstanceExists,
    InstanceFinished,
    InstanceNotFound,
    InvalidInstanceId,
    InvalidState,
    RewindImpossible,
    UnknownFunction,
)
from tests.devhost.engine_kit import START, App, Host, ThreadedApp, events_of
from tests.devhost.sample_app import add_functions, echo


@pytest.fixture
def host() -> Iterator[Host]:
    """A host with the sample functions."""
    with Host(add_functions(App())) as host:
        yield host


def _running(host: Host, instance_id: str | None = None) -> str:
    instance = host.start("approval", instance_id=instance_id)
    host.engine.run_until_idle()
    return instance


# -- start


def test_a_new_instance_gets_an_id_of_32_hexadecimal_digits(host: Host) -> None:
    """Unless the caller gives one."""
    assert len(bytes.fromhex(host.start("chain"))) == 16
    assert host.start("chain", instance_id="Mine ü 1") == "Mine ü 1"


@pytest.mark.parametrize(
    ("instance_id", "text"),
    [
        ("@x", "Orchestration instance ids must not start with @."),
        ("a/b", r"must not contain /, \\, #, \?, or control characters"),
        ("a\\b", r"must not contain /, \\, #, \?, or control characters"),
        ("a#b", "must not contain"),
        ("a?b", "must not contain"),
        ("a\tb", "must not contain"),
        ("a\x7fb", "must not contain"),
        ("x" * 257, "must not exceed 256 characters"),
    ],
)
def test_bad_instance_ids_are_refused(host: Host, instance_id: str, text: str) -> None:
    """With the rule that they break."""
    with pytest.raises(InvalidInstanceId, match=text):
        host.start("chain", instance_id=instance_id)


def test_an_unknown_orchestrator_is_refused_and_the_known_ones_are_named(host: Host) -> None:
    """In the words of the real host."""
    with pytest.raises(UnknownFunction, match="the known orchestrator functions: 'approval', "):
        host.start("nobody")


def test_the_id_of_a_running_instance_is_refused(host: Host) -> None:
    """The error names its status; so does a second start before the first one ran."""
    host.start("approval", instance_id="x")
    with pytest.raises(InstanceExists, match="with the status Pending already exists"):
        host.start("chain", instance_id="x")
    host.engine.run_until_idle()
    with pytest.raises(InstanceExists, match="with the status Running already exists"):
        host.start("chain", instance_id="x")


def test_the_id_of_a_finished_instance_can_be_used_again(host: Host) -> None:
    """Nothing of the old one is left."""
    host.run("failing", instance_id="x")
    status = host.run("chain", instance_id="x")
    assert status.name == "chain"
    assert "TaskFailed" not in events_of(status)


def test_with_any_state_a_running_instance_is_replaced() -> None:
    """Its timer, its messages and those who wait for it go with it."""
    with Host(add_functions(App()), overridable_existing_instance_states="AnyState") as host:
        _running(host, "x")
        end = host.engine.completion("x")
        host.engine.raise_event("x", "Approval", "1")
        assert host.run("chain", instance_id="x").payload()["output"] == [1, {"a": 1, "s": "text"}]
        assert host.engine.next_due() is None
        with pytest.raises(InstanceNotFound):
            end.result(0)


# -- events


def test_events_to_unknown_and_finished_instances_are_refused(host: Host) -> None:
    """Each with an error of its own."""
    done = host.run("chain").instance_id
    with pytest.raises(InstanceFinished):
        host.engine.raise_event(done, "E")
    with pytest.raises(InstanceNotFound):
        host.engine.raise_event("nobody", "E")


def test_an_event_may_come_before_the_first_run(host: Host) -> None:
    """The start is taken in first."""
    instance = host.start("collecting")
    host.engine.raise_event(instance, "Word", '"stop"')
    host.engine.run_until_idle()
    assert host.status(instance).payload()["output"] == []


def test_an_entity_takes_no_requests_for_instances(host: Host) -> None:
    """Though it is listed among them."""
    host.engine.signal_entity("counter", "k", "add", '"1"')
    host.engine.run_until_idle()
    for verb in ("raise_event", "terminate", "suspend", "resume", "rewind", "restart"):
        with pytest.raises(InstanceNotFound):
            getattr(host.engine, verb)("@counter@k", *(["E"] if verb == "raise_event" else []))


# -- terminate, suspend, resume


def test_a_terminated_instance_ends_with_the_reason(host: Host) -> None:
    """Its timer is gone, and its history shows who ended it."""
    instance = _running(host)
    host.engine.terminate(instance, "enough")
    host.engine.run_until_idle()
    status = host.status(instance)
    assert (status.status, status.output) == (RuntimeStatus.TERMINATED, "enough")
    assert events_of(status) == [
        "ExecutionStarted",
        "TimerCreated",
        "ExecutionTerminated",
        "ExecutionCompleted",
    ]
    assert host.engine.next_due() is None
    with pytest.raises(InstanceFinished):
        host.engine.terminate(instance, "again")


def test_a_pending_instance_can_be_terminated(host: Host) -> None:
    """Its code never runs."""
    instance = host.start("chain")
    host.engine.terminate(instance)
    host.engine.run_until_idle()
    assert host.status(instance).status is RuntimeStatus.TERMINATED
    assert host.app.ran == []


def test_a_suspended_instance_does_nothing_until_it_is_resumed(host: Host) -> None:
    """Events are kept; the reason is shown as output meanwhile, as on the real host."""
    instance = host.start("collecting")
    host.engine.run_until_idle()
    host.engine.suspend(instance, "pause")
    host.engine.run_until_idle()
    status = host.status(instance)
    assert (status.status, status.output) == (RuntimeStatus.SUSPENDED, "pause")
    host.engine.raise_event(instance, "Word", '"a"')
    host.engine.run_until_idle()
    assert host.status(instance).status is RuntimeStatus.SUSPENDED
    host.engine.resume(instance, "go")
    host.engine.run_until_idle()
    host.engine.raise_event(instance, "Word", '"stop"')
    host.engine.run_until_idle()
    assert host.status(instance).payload()["output"] == ["a"]


def _run_until(host: Host, has_come: Callable[[], bool] = lambda: True) -> None:
    """Run until something has come about, while an activity that is held back keeps the engine busy."""
    for _ in range(400):
        with suppress(TimeoutError):
            host.engine.run_until_idle(0.05)
        if has_come():
            return
    raise AssertionError("it did not come about")


def test_results_that_come_while_suspended_are_used_after_resuming() -> None:
    """An activity in flight is not stopped, and what follows is not started."""
    app = add_functions(App())
    held = app.held = []
    with Host(app) as host:
        instance = host.start("chain")
        _run_until(host, lambda: len(held) == 1)
        host.engine.suspend(instance)
        _run_until(host, lambda: host.status(instance).status is RuntimeStatus.SUSPENDED)
        name, text, done = held.pop()
        done(app.outcome(name, text))
        app.held = None
        host.engine.run_until_idle()
        assert host.status(instance).status is RuntimeStatus.SUSPENDED
        assert held == []
        host.engine.resume(instance)
        host.engine.run_until_idle()
        assert host.status(instance).status is RuntimeStatus.COMPLETED


def test_a_result_of_a_former_life_is_ignored() -> None:
    """The instance was terminated and its id used again while the activity still ran."""
    app = add_functions(App())
    held = app.held = []
    with Host(app) as host:
        host.start("chain", instance_id="x")
        _run_until(host, lambda: len(held) == 1)
        host.engine.terminate("x")
        _run_until(host, lambda: host.status("x").status is RuntimeStatus.TERMINATED)
        host.start("chain", instance_id="x")
        _run_until(host, lambda: len(held) == 2)
        (*_, old), (*_, new) = held
        held.clear()
        old(ActivityOutcome('"old"'))
        _run_until(host)
        assert host.status("x").status is RuntimeStatus.RUNNING
        assert held == []
        new(ActivityOutcome('"new"'))
        _run_until(host, lambda: len(held) == 1)
        held.pop()[2](ActivityOutcome('"last"'))
        host.engine.run_until_idle()
        assert host.status("x").payload()["output"] == ["new", "last"]


def test_suspending_twice_and_resuming_what_runs_are_refused(host: Host) -> None:
    """Each says why."""
    instance = _running(host)
    with pytest.raises(InvalidState, match="Cannot resume"):
        host.engine.resume(instance)
    host.engine.suspend(instance)
    host.engine.run_until_idle()
    with pytest.raises(InvalidState, match="Cannot suspend"):
        host.engine.suspend(instance)


@pytest.mark.parametrize("verb", ["terminate", "suspend", "resume", "rewind", "restart", "purge"])
def test_every_request_for_an_unknown_instance_is_refused(host: Host, verb: str) -> None:
    """With its id."""
    with pytest.raises(InstanceNotFound, match="'nobody'"):
        getattr(host.engine, verb)("nobody")


# -- restart


def test_a_restart_runs_again_with_the_same_input(host: Host) -> None:
    """Under a new id, or under its own when it is finished."""
    first = host.run("child", {"x": 1})
    second = host.engine.restart(first.instance_id)
    host.engine.run_until_idle()
    assert second != first.instance_id
    assert host.status(second).payload()["input"] == first.payload()["input"]
    assert host.status(second).payload()["output"]["got"] == {"x": 1}
    assert host.engine.restart(first.instance_id, new_id=False) == first.instance_id
    running = _running(host)
    with pytest.raises(InstanceExists):
        host.engine.restart(running, new_id=False)


# -- rewind


def _mend(host: Host) -> None:
    host.app.activities["fail"] = echo
    host.app.ran.clear()


def test_a_rewind_runs_the_failed_activity_again(host: Host) -> None:
    """The instance goes on from there to its end."""
    failed = host.run("failing").instance_id
    _mend(host)
    output = host.status(failed).output
    host.engine.rewind(failed, "fixed")
    assert host.status(failed).status is RuntimeStatus.PENDING
    assert host.status(failed).output == output
    host.engine.run_until_idle()
    status = host.status(failed)
    assert status.status is RuntimeStatus.COMPLETED
    assert "ExecutionRewound" in events_of(status)
    assert host.app.ran == [("fail", "thing")]


def test_a_rewind_of_a_fan_out_runs_only_what_failed(host: Host) -> None:
    """Results that are there are kept."""
    failed = host.run("fan_with_failures").instance_id
    _mend(host)
    host.engine.rewind(failed)
    host.engine.run_until_idle()
    assert host.status(failed).status is RuntimeStatus.COMPLETED
    assert sorted(value for _, value in host.app.ran) == [1, 4]


def test_a_rewind_of_a_parent_rewinds_its_failed_child(host: Host) -> None:
    """Both complete."""
    failed = host.run("parent_that_fails").instance_id
    _mend(host)
    host.engine.rewind(failed)
    host.engine.run_until_idle()
    assert host.status(f"{failed}-child").status is RuntimeStatus.COMPLETED
    assert host.status(failed).status is RuntimeStatus.COMPLETED
    assert len(host.app.ran) == 1


def test_a_rewind_does_not_wait_for_the_child_of_another(host: Host) -> None:
    """It has the id of ours, but it would report its end to its own parent."""
    host.start("parent_with_a_shared_child", "first", instance_id="first")
    host.engine.run_until_idle()
    host.engine.terminate("first")
    assert host.run("parent_with_a_shared_child", "second", "second").status is RuntimeStatus.FAILED
    host.engine.rewind("second")
    host.engine.run_until_idle()
    assert "already exists" in (host.status("second").output or "")
    host.engine.raise_event("the-child", "Approval", '"yes"')
    host.engine.run_until_idle()
    host.engine.rewind("second")
    host.engine.run_until_idle()
    assert host.status("the-child").status is RuntimeStatus.RUNNING
    host.engine.raise_event("the-child", "Approval", '"again"')
    host.engine.run_until_idle()
    assert host.status("second").payload()["output"] == {"approved": "again"}


def test_a_parent_whose_failed_child_is_gone_cannot_be_rewound(host: Host) -> None:
    """It had been purged. Nothing is changed."""
    failed = host.run("parent_that_fails").instance_id
    host.engine.purge(f"{failed}-child")
    _mend(host)
    before = host.status(failed)
    with pytest.raises(
        RewindImpossible, match=f"its sub-orchestration '{failed}-child' has failed and is gone"
    ):
        host.engine.rewind(failed)
    host.engine.run_until_idle()
    assert host.status(failed) == before


def test_a_parent_waits_as_pending_for_the_child_that_is_rewound(host: Host) -> None:
    """It is the child that is woken; a second rewind is refused meanwhile."""
    failed = host.run("parent_that_fails").instance_id
    _mend(host)
    host.app.held = []
    host.engine.rewind(failed)
    while host.engine.step():
        pass
    assert host.status(failed).status is RuntimeStatus.PENDING
    assert host.status(f"{failed}-child").status is RuntimeStatus.RUNNING
    with pytest.raises(InvalidState, match="Cannot rewind"):
        host.engine.rewind(failed)


def test_a_rewind_may_fail_again(host: Host) -> None:
    """Nothing was mended."""
    failed = host.run("raising").instance_id
    host.engine.rewind(failed)
    host.engine.run_until_idle()
    assert host.status(failed).status is RuntimeStatus.FAILED


def test_only_failed_instances_can_be_rewound(host: Host) -> None:
    """A completed one is gone for good, a running one has nothing to mend."""
    with pytest.raises(InstanceFinished):
        host.engine.rewind(host.run("chain").instance_id)
    with pytest.raises(InvalidState, match="Cannot rewind"):
        host.engine.rewind(_running(host))


# -- purge


def test_a_purged_instance_leaves_nothing(host: Host) -> None:
    """A running one is not purged."""
    done = host.run("chain").instance_id
    assert host.engine.purge(done) == 1
    assert host.engine.status(done) is None
    with pytest.raises(InvalidState, match="Cannot purge"):
        host.engine.purge(_running(host))


def test_a_purge_by_filter_takes_finished_instances_only(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it is asked for all, and over more than one page."""
    monkeypatch.setattr("devhost.engine.requests._PAGE", 2)
    for n in range(5):
        host.start("chain", instance_id=f"done{n}")
    _running(host, "running")
    host.run("raising", instance_id="failed")
    assert host.engine.purge_many(InstanceFilter(statuses=(RuntimeStatus.FAILED,))) == 1
    assert host.engine.purge_many(InstanceFilter(statuses=(RuntimeStatus.RUNNING,))) == 0
    assert host.engine.purge_many(InstanceFilter(created_to=START - timedelta(days=1))) == 0
    assert host.engine.purge_many(InstanceFilter()) == 5
    assert [one.instance_id for one in host.engine.list_instances(InstanceFilter()).instances] == ["running"]


# -- listing and waiting


def test_instances_are_listed_in_pages(host: Host) -> None:
    """The token of a page leads to the next one; the last has none."""
    for n in range(5):
        host.start("chain", {"n": n}, instance_id=f"i{n}")
    first = host.engine.list_instances(InstanceFilter(top=3))
    last = host.engine.list_instances(InstanceFilter(top=3, token=first.token, show_input=False))
    assert [one.instance_id for one in (*first.instances, *last.instances)] == [f"i{n}" for n in range(5)]
    assert last.token is None
    assert first.instances[0].payload()["input"] == '{"n": 0}'
    assert last.instances[0].input is None


def test_the_end_of_an_instance_can_be_waited_for(host: Host) -> None:
    """Before and after it; continue-as-new is not an end."""
    instance = host.start("counting", 1)
    early = host.engine.completion(instance)
    host.engine.run_until_idle()
    assert early.result(0).output == '"ended at 3"'
    assert host.engine.completion(instance).result(0).status is RuntimeStatus.COMPLETED
    with pytest.raises(InstanceNotFound):
        host.engine.completion("nobody")


# -- versions


def test_an_instance_has_the_version_that_it_was_started_with() -> None:
    """Else that of the host."""
    with Host(add_functions(App()), default_version="2.0") as host:
        assert host.output("versioned") == "2.0"
        instance = host.engine.start_instance("versioned", version="1.5")
        host.engine.run_until_idle()
        assert host.status(instance).payload()["output"] == "1.5"


def test_an_instance_of_a_newer_version_is_left_alone_or_fails() -> None:
    """As versionFailureStrategy says; it can be terminated in any case."""
    with Host(add_functions(App()), default_version="2.0") as host:
        instance = host.engine.start_instance("versioned", version="3.0")
        host.engine.run_until_idle()
        assert host.status(instance).status is RuntimeStatus.PENDING
        host.engine.terminate(instance)
        host.engine.run_until_idle()
        assert host.status(instance).status is RuntimeStatus.TERMINATED
    with Host(add_functions(App()), default_version="2.0", version_failure_strategy="Fail") as host:
        instance = host.engine.start_instance("versioned", version="3.0")
        host.engine.run_until_idle()
        assert "is higher than the worker's version '2.0'" in (host.status(instance).output or "")


# -- stopping


def test_a_stopped_engine_takes_no_requests_and_tells_those_who_wait() -> None:
    """Rather than let them wait for ever."""
    host = Host(add_functions(App()), threaded=True)
    instance = _running(host)
    end = host.engine.completion(instance)
    host.close()
    with pytest.raises(EngineStopped):
        end.result(1)
    with pytest.raises(EngineStopped):
        host.start("chain")


def test_a_graceful_stop_lets_running_activities_end() -> None:
    """Their results are kept, and nothing new is started."""
    app = add_functions(ThreadedApp(1))
    slow = json.loads
    app.activities["echo"] = lambda value: slow(json.dumps(value))
    host = Host(app, threaded=True, use_graceful_shutdown=True, max_concurrent_activity_functions=1)
    host.start("fan", 5)
    host.engine.stop()
    ended = {one.task_id for one in host.store.activities()}
    assert len(app.ran) + len(ended) >= 5
    host.store.close()
