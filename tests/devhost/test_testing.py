"""The in-process host for tests: time that skips, replaced activities, crashes and restarts."""

from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func
import pytest

from devhost.errors import InstanceNotFound, UnknownFunction
from devhost.testing import Host, HostCrash, in_turn

pytest_plugins = ["devhost.pytest_plugin"]

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="value")
def double(value):
    """Return twice the value."""
    return value * 2


@blueprint.activity_trigger(input_name="value", activity="Renamed")
async def renamed(value):
    """Return the value; known by another name."""
    return value


@blueprint.orchestration_trigger(context_name="context")
def two_steps(context):
    """Double the input, then hand it to the renamed activity."""
    doubled = yield context.call_activity("double", context.get_input())
    return (yield context.call_activity("Renamed", doubled))


@blueprint.orchestration_trigger(context_name="context")
def which_version(context):
    """Say a day later in which version it was started."""
    yield context.create_timer(context.current_utc_datetime + timedelta(days=1))
    return context.version


@blueprint.orchestration_trigger(context_name="context")
def approval(context):
    """Wait three days for a decision, then remind, up to a decision."""
    reminders = 0
    decision = context.wait_for_external_event("decision")
    while True:
        timer = context.create_timer(context.current_utc_datetime + timedelta(days=3))
        winner = yield context.task_any([decision, timer])
        if winner == decision:
            timer.cancel()
            return {"decision": decision.result, "reminders": reminders}
        reminders += 1
        context.set_custom_status({"reminders": reminders})


@blueprint.orchestration_trigger(context_name="context")
def parent(context):
    """Run three children at once."""
    return (yield context.task_all([context.call_sub_orchestrator("two_steps", n) for n in range(3)]))


@blueprint.orchestration_trigger(context_name="context")
def patient(context):
    """Try an activity until it works, an hour apart."""
    return (yield context.call_activity_with_retry("flaky", df.RetryOptions(3_600_000, 5), "x"))


@blueprint.orchestration_trigger(context_name="context")
def web(context):
    """Make one durable HTTP call."""
    reply = yield context.call_http("GET", "http://example.invalid/x")
    return [reply["statusCode"], reply["content"]]


@blueprint.entity_trigger(context_name="context")
def counter(context):
    """Add up."""
    context.set_state(context.get_state(lambda: 0) + context.get_input())


@pytest.fixture
def host():
    """A host of the functions above."""
    with Host(blueprint) as host:
        yield host


def test_run_returns_the_finished_instance(host):
    """Plain and coroutine activities run at once."""
    status = host.run("two_steps", 4)
    assert (status.runtime_status, status.output, status.input) == ("Completed", 8, "4")
    assert status.events == ["ExecutionStarted", "TaskCompleted", "TaskCompleted", "ExecutionCompleted"]
    assert host.calls == [("double", 4), ("Renamed", 8)]


def test_activity_is_replaced_by_a_function_or_a_value():
    """By durable name, whatever its case."""
    with Host(blueprint, activities={"DOUBLE": lambda value: value + 1, "renamed": "fixed"}) as host:
        assert host.run("two_steps", 4).output == "fixed"
        assert host.calls_of("renamed") == [5]


def test_app_object_and_its_second_host_work():
    """The functions of an app are listed once, though two hosts want them."""
    app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    app.register_functions(blueprint)
    for _ in range(2):
        with Host(app) as host:
            assert host.run("two_steps", 1).output == 2


def test_replacement_may_fail_and_then_work():
    """Retries an hour apart take no time."""
    outcomes = in_turn(OSError("busy"), OSError("busy"), "done")
    with Host(blueprint, activities={"flaky": outcomes}) as host:
        started = host.now
        status = host.finish(host.start("patient"))
        assert (status.output, len(host.calls_of("flaky"))) == ("done", 3)
        assert host.now - started == timedelta(hours=2)


def test_time_passes_only_when_it_is_moved(host):
    """Each timer on the way fires at its own time."""
    instance = host.start("approval")
    assert host.status(instance).custom_status is None
    host.advance(days=10)
    assert host.status(instance).custom_status == {"reminders": 3}
    host.raise_event(instance, "decision", {"ok": True})
    assert host.status(instance).output == {"decision": '{"ok": true}', "reminders": 3}


def test_event_over_http_arrives_as_a_value(host):
    """Through the client it is JSON text, over HTTP the value."""
    instance = host.start("approval")
    host.raise_event(instance, "decision", {"ok": True}, over_http=True)
    assert host.status(instance).output["decision"] == {"ok": True}


def test_finish_tells_what_an_instance_waits_for(host):
    """A test that waits for the wrong thing fails with the status, and does not hang."""
    with pytest.raises(AssertionError, match=r"approval .* has not finished"):
        host.finish(host.start("approval"), within=timedelta(days=10))


def test_requests_that_are_held_arrive_together(host):
    """Nothing runs inside of the block."""
    with host.held():
        instance = host.start("approval")
        host.raise_event(instance, "decision", 1)
        assert host.status(instance).runtime_status == "Pending"
    assert host.status(instance).runtime_status == "Completed"


def test_sub_orchestration_is_replaced():
    """By a function of its input, or by a value; an exception fails it."""
    with Host(blueprint, orchestrators={"two_steps": lambda n: n * 100}) as host:
        assert host.run("parent").output == [0, 100, 200]
    with Host(blueprint, orchestrators={"two_steps": in_turn(ValueError("no"))}) as host:
        status = host.run("parent")
        assert status.runtime_status == "Failed"
        assert "no" in status.output


def test_durable_http_call_is_answered_by_a_function():
    """No network is needed."""
    with Host(
        blueprint, http=lambda request: {"statusCode": 207, "headers": {}, "content": request["uri"]}
    ) as host:
        assert host.run("web").output == [207, "http://example.invalid/x"]


def test_entity_is_signalled_and_read(host):
    """States are values."""
    host.signal_entity("counter", "k", "add", 3)
    host.signal_entity("counter", "k", "add", 4)
    assert host.entity("counter", "k") == 7
    assert host.entity("counter", "other") is None
    assert host.entities() == {("counter", "k"): 7}


def test_instance_life_cycle(host):
    """Suspend, resume, terminate, purge."""
    instance = host.start("approval")
    host.suspend(instance, "pause")
    assert host.status(instance).runtime_status == "Suspended"
    host.resume(instance)
    assert host.status(instance).runtime_status == "Running"
    host.terminate(instance, "enough")
    assert (host.status(instance).runtime_status, host.status(instance).output) == ("Terminated", "enough")
    host.purge(instance)
    with pytest.raises(InstanceNotFound):
        host.status(instance)
    assert host.instances() == []


def test_unknown_orchestrator_is_an_error_of_the_test(host):
    """With the names that there are."""
    with pytest.raises(UnknownFunction, match="'two_steps'"):
        host.start("nobody")


@pytest.mark.parametrize("on_disk", [False, True])
def test_state_survives_a_restart(tmp_path, on_disk):
    """In memory and in a file: the timer goes on where it was."""
    with Host(blueprint, state=tmp_path / "state.db" if on_disk else None) as host:
        instance = host.start("approval")
        host.advance(days=1)
        host.restart()
        host.advance(days=2)
        assert host.status(instance).custom_status == {"reminders": 1}


def test_every_crash_leads_to_the_same_outcome():
    """Death right before and right after each commit: an activity may run again, the output is the same."""
    with Host(blueprint) as host:
        host.run("parent", instance_id="p")
        commits = host.commits
    assert commits > 5
    for commit in range(1, commits + 1):
        for when in ("before", "after"):
            assert _outcome_after_crash(commit, when) == [0, 2, 4], (commit, when)


def _outcome_after_crash(commit, when):
    with Host(blueprint) as host:
        host.crash_at(commit, when)
        with pytest.raises(HostCrash):
            host.run("parent", instance_id="p")
        host.restart()
        if not host.instances("p"):
            host.start("parent", instance_id="p")
        return host.status("p").output


def test_fixture_makes_hosts_and_closes_them(durable_host):
    """With the arguments of Host."""
    host = durable_host(blueprint, activities={"double": 3, "Renamed": in_turn("a", "b")})
    assert [host.run("two_steps", 1).output for _ in range(3)] == ["a", "b", "b"]


def test_restart_may_bring_other_settings():
    """As a deployment does: what runs keeps its version, what starts gets the new one."""
    with Host(blueprint, default_version="1.0") as host:
        old = host.start("which_version")
        host.restart(default_version="1.1")
        new = host.start("which_version")
        host.advance(days=1)
        assert [host.status(one).output for one in (old, new)] == ["1.0", "1.1"]
