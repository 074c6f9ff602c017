"""A worker process that dies with a step of an orchestration or entity: what the real host makes of it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from devhost.testing import Chaos, Host, explore, in_turn

pytest_plugins = ["devhost.pytest_plugin"]

EXITED = "One or more errors occurred. (python3 exited with code 137 (0x89))"
DIFFERS = (
    "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled {what} but "
    "the current replay execution hasn't (yet?) scheduled this task. Was a change made to the orchestrator "
    "code after this instance had already started running?"
)
ran: Counter[str] = Counter()
blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="value")
def double(value: int) -> int:
    """Return twice the value."""
    return value * 2


@blueprint.orchestration_trigger(context_name="context")
def two_steps(context: df.DurableOrchestrationContext) -> Any:
    """Double the input twice."""
    ran["two_steps"] += 1
    context.set_custom_status("first")
    doubled = yield context.call_activity("double", context.get_input())
    context.set_custom_status("second")
    return (yield context.call_activity("double", doubled))


@blueprint.orchestration_trigger(context_name="context")
def patient(context: df.DurableOrchestrationContext) -> Any:
    """Wait for two events, which schedules nothing."""
    one = yield context.wait_for_external_event("one")
    two = yield context.wait_for_external_event("two")
    return [one, two]


@blueprint.orchestration_trigger(context_name="context")
def sleeper(context: df.DurableOrchestrationContext) -> Any:
    """Sleep for a day."""
    yield context.create_timer(context.current_utc_datetime + timedelta(days=1))
    return "awake"


@blueprint.orchestration_trigger(context_name="context")
def parent(context: df.DurableOrchestrationContext) -> Any:
    """Run a child and tell what became of it."""
    try:
        return (yield context.call_sub_orchestrator("two_steps", 3, "child"))
    except Exception as error:  # noqa: BLE001  its text is looked at
        return f"caught: {error}"


@blueprint.orchestration_trigger(context_name="context")
def careless(context: df.DurableOrchestrationContext) -> Any:
    """Run a child and catch nothing."""
    return (yield context.call_sub_orchestrator("two_steps", 3, "child"))


@blueprint.orchestration_trigger(context_name="context")
def accountant(context: df.DurableOrchestrationContext) -> Any:
    """Ask an entity."""
    return (yield context.call_entity(df.EntityId("total", "t"), "add", 5))


@blueprint.orchestration_trigger(context_name="context")
def slow_pair(context: df.DurableOrchestrationContext) -> Any:
    """Two activities, a timer and an event at once."""
    tasks = [context.call_activity("double", n) for n in (1, 2)]
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=2))
    yield context.task_any([context.wait_for_external_event("go"), timer, *tasks])
    results = yield context.task_all(tasks)
    yield timer
    return results


@blueprint.orchestration_trigger(context_name="context")
def forgiving(context: df.DurableOrchestrationContext) -> Any:
    """Let one activity fail, then call another."""
    try:
        yield context.call_activity("shaky", 1)
    except Exception:  # noqa: BLE001  it is expected
        yield context.call_activity("double", 2)
    yield context.wait_for_external_event("go")
    return "forgiven"


@blueprint.orchestration_trigger(context_name="context")
def insistent(context: df.DurableOrchestrationContext) -> Any:
    """Call an activity up to three times."""
    retry = df.RetryOptions(60_000, 3)
    yield context.call_activity_with_retry("shaky", retry, 1)
    yield context.wait_for_external_event("go")
    return "insisted"


@blueprint.entity_trigger(context_name="context")
def total(context: df.DurableEntityContext) -> None:
    """Add up."""
    ran["total"] += 1
    context.set_state(context.get_state(lambda: 0) + context.get_input())
    context.set_result(context.get_state())


@pytest.fixture(autouse=True)
def _fresh() -> None:
    ran.clear()


@pytest.fixture
def host() -> Iterator[Host]:
    """A host of the functions above."""
    with Host(blueprint) as host:
        yield host


@pytest.mark.parametrize(("when", "runs"), [("before", 0), ("after", 1)])
def test_a_worker_that_dies_with_the_first_step_fails_the_instance(host: Host, when: str, runs: int) -> None:
    """For good, and with the text of the process; the code has run or not."""
    host.lose_orchestrator(at=1, when=when)
    status = host.run("two_steps", 1)
    assert status.runtime_status == "Failed"
    assert status.output == f"Orchestrator function 'two_steps' failed: {EXITED}"
    assert ran["two_steps"] == runs
    assert host.calls == []
    assert status.custom_status is None


@pytest.mark.parametrize("when", ["before", "after", "half"])
def test_a_worker_that_dies_with_a_later_step_leaves_a_history_that_differs(host: Host, when: str) -> None:
    """The reply is empty, the history is not. What the step was to take in is in the history."""
    host.lose_orchestrator(at=2, when=when)
    status = host.run("two_steps", 1)
    assert status.runtime_status == "Failed"
    assert status.output == DIFFERS.format(
        what="an activity task with sequence ID 0 and name 'double' (version ''),"
    )
    assert status.custom_status is None
    assert status.events == ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"]


def test_half_waits_for_an_instance_that_has_scheduled_something(host: Host) -> None:
    """The first step of it has not, nor has one that waits for events."""
    host.lose_orchestrator(at=1, when="half")
    waiting = host.start("patient")
    host.raise_event(waiting, "one", 1)
    asleep = host.start("sleeper")
    host.raise_event(waiting, "two", 2)
    host.advance(days=2)
    assert host.status(waiting).output == ["1", "2"]
    assert host.status(asleep).output == DIFFERS.format(what="a timer task with sequence number 0")


def test_a_later_step_that_has_scheduled_nothing_fails_with_the_text_of_the_process(host: Host) -> None:
    """To wait for an event leaves no trace in the history."""
    host.lose_orchestrator(at=2, when="before")
    waiting = host.start("patient")
    host.raise_event(waiting, "one", 1)
    assert host.status(waiting).output == f"Orchestrator function 'patient' failed: {EXITED}"


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (2, f"Orchestrator function 'two_steps' failed: {EXITED}"),
        (3, DIFFERS.format(what="an activity task with sequence ID 0 and name 'double' (version ''),")),
    ],
)
def test_a_parent_sees_why_its_child_has_failed(host: Host, at: int, text: str) -> None:
    """As any failure of a sub-orchestration, which it may catch."""
    host.lose_orchestrator(at)
    status = host.run("parent")
    assert status.output == f"caught: {text} \n Message: {text.rpartition(' failed: ')[2]}, StackTrace: "


def test_a_parent_that_catches_nothing_fails_with_its_child(host: Host) -> None:
    """The texts are nested."""
    host.lose_orchestrator(at=2)
    status = host.run("careless")
    assert status.output == (
        f"Orchestrator function 'careless' failed: Orchestrator function 'two_steps' failed: {EXITED} \n "
        f"Message: {EXITED}, StackTrace: "
    )


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_new_instance_may_have_the_id_of_the_lost_one(host: Host, at: int) -> None:
    """What is left of the old one does not reach it."""
    host.lose_orchestrator(at)
    assert host.run("two_steps", 1, instance_id="one").runtime_status == "Failed"
    assert host.run("two_steps", 5, instance_id="one").output == 20
    host.check_invariants()


# ---------------------------------------------------------------- rewind


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rewind_takes_up_where_the_worker_died(host: Host, at: int, when: str) -> None:
    """Nothing is done twice: what the lost step was to take in is in the history."""
    host.lose_orchestrator(at, when)
    lost = host.run("two_steps", 1)
    assert lost.runtime_status == "Failed"
    host.rewind(lost.instance_id, "its worker died")
    status = host.status(lost.instance_id, history=True)
    assert (status.runtime_status, status.output) == ("Completed", 4)
    assert host.calls == [("double", 1), ("double", 2)]
    assert "ExecutionRewound" in status.events
    host.check_invariants()


@pytest.mark.parametrize("at", [2, 3, 4])
def test_a_rewind_of_a_parent_rewinds_the_child_that_was_lost(host: Host, at: int) -> None:
    """The child goes on, the parent hears of its end."""
    host.lose_orchestrator(at)
    assert host.run("careless", instance_id="top").runtime_status == "Failed"
    host.rewind("top")
    assert host.status("child").output == 12
    assert host.status("top").output == 12
    assert len(host.calls) == 2
    host.check_invariants()


def test_a_rewind_may_lose_its_worker_again(host: Host) -> None:
    """And be rewound again."""
    host.lose_orchestrator(2)
    host.lose_orchestrator(3)
    lost = host.run("two_steps", 1).instance_id
    host.rewind(lost)
    assert host.status(lost).runtime_status == "Failed"
    host.rewind(lost)
    assert host.status(lost).output == 4
    assert len(host.calls) == 2


def _lose_the_next_step(host: Host, instance_id: str) -> None:
    host.lose_orchestrator(host.steps + 1)
    host.raise_event(instance_id, "go")
    assert host.status(instance_id).runtime_status == "Failed"


def test_what_was_open_goes_on_and_its_end_counts_after_a_rewind(host: Host) -> None:
    """A timer that had been set fires at its time; nothing is set or called again."""
    host.start("slow_pair", instance_id="pair")
    host.advance(hours=1)
    _lose_the_next_step(host, "pair")
    host.rewind("pair")
    status = host.finish("pair")
    assert status.output == [2, 4]
    assert len(host.calls) == 2
    host.check_invariants()


def test_an_end_that_came_while_the_instance_was_failed_is_lost(host: Host) -> None:
    """A rewound instance waits for it for ever, as on the real host."""
    host.start("slow_pair", instance_id="pair")
    _lose_the_next_step(host, "pair")
    host.advance(days=3)
    host.rewind("pair")
    host.advance(days=30)
    status = host.status("pair", history=True)
    assert status.runtime_status == "Running"
    assert "TimerCreated" in status.events
    assert "TimerFired" not in status.events
    host.check_invariants()


def test_activities_of_a_failed_instance_run_and_their_results_count_if_they_come_after_a_rewind() -> None:
    """They are in flight for up to an hour here."""
    seen = set()
    for seed in range(30):
        with Host(blueprint, chaos=Chaos(seed, slow=0.9)) as host:
            host.start("slow_pair", instance_id="pair")
            _lose_the_next_step(host, "pair")
            before = len(host.calls)
            host.advance(minutes=20)
            lost = len(host.calls) - before
            host.rewind("pair")
            host.advance(days=3)
            assert len(host.calls) == 2
            assert host.status("pair").runtime_status == ("Running" if lost else "Completed")
            seen.add(lost)
            host.check_invariants()
    assert seen == {0, 1, 2}


def test_a_new_instance_of_the_id_is_not_told_the_ends_of_the_old_one() -> None:
    """Also when they come later, under the same numbers."""
    for seed in range(20):
        with Host(blueprint, chaos=Chaos(seed, slow=0.9, duplicate=0.5)) as host:
            host.start("slow_pair", instance_id="pair")
            _lose_the_next_step(host, "pair")
            host.advance(minutes=10)
            host.start("slow_pair", instance_id="pair")
            host.raise_event("pair", "go")
            assert host.finish("pair").output == [2, 4]
            host.check_invariants()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("forgiving", "an activity task with sequence ID 1 and name 'double' (version ''),"),
        ("insistent", "a timer task with sequence number 1"),
    ],
)
def test_an_instance_whose_activity_had_failed_before_cannot_be_rewound(name: str, what: str) -> None:
    """The rewind takes out that failure as well, and the replay differs: it is Failed again, each time."""
    with Host(blueprint, activities={"shaky": in_turn(OSError("busy"), "ok")}) as host:
        host.start(name, instance_id="one")
        host.advance(minutes=5)
        _lose_the_next_step(host, "one")
        for _ in range(2):
            host.rewind("one")
            assert host.status("one").output == DIFFERS.format(what=what)


# ---------------------------------------------------------------- entities


def test_an_entity_loses_nothing() -> None:
    """Its operations are tried again after two seconds, then four; the state is that of one run."""
    with Host(blueprint, chaos=Chaos(4, lost_orchestrator=0.9)) as host:
        for number in range(3):
            host.signal_entity("total", "t", "add", 10**number)
        lost = [line for line in host.trace if line.startswith("worker lost")]
        assert lost
        assert host.entity("total", "t") is None
        assert host.engine.next_due() is not None
        host.advance(hours=100)
        assert host.entity("total", "t") == 111
        host.check_invariants()
    assert ran["total"] >= 3


def test_the_caller_of_an_entity_gets_its_answer() -> None:
    """Late, but once."""
    for seed in range(40):
        with Host(blueprint, chaos=Chaos(seed, lost_orchestrator=0.3)) as host:
            caller = host.start("accountant")
            host.advance(hours=10)
            status = host.status(caller)
            assert status.output == 5 or status.runtime_status == "Failed"
            host.check_invariants()


def test_a_step_that_is_over_cannot_be_lost(host: Host) -> None:
    """Else a test would wait for what never comes. The steps so far are known."""
    host.run("two_steps", 1)
    assert host.steps == 3
    with pytest.raises(ValueError, match="step 3 is over: 3 have been run"):
        host.lose_orchestrator(3)
    with pytest.raises(ValueError, match="when is 'before', 'after' or 'half', not 'later'"):
        host.lose_orchestrator(4, "later")


def test_instances_that_are_kept_in_the_host_have_no_worker_to_lose() -> None:
    """The two do not go together."""
    with pytest.raises(ValueError, match="no worker process can be lost"):
        Host(blueprint, sticky=True, chaos=Chaos(1, lost_orchestrator=0.1))
    with Host(blueprint, sticky=True) as host, pytest.raises(ValueError, match="no worker process"):
        host.lose_orchestrator(1)


# ---------------------------------------------------------------- by chance


ROUGH = Chaos(
    racing=0.2, slow=0.3, duplicate=0.3, storage_error=0.1, crash=0.1, lost_worker=0.0, lost_orchestrator=0.2
)


def insist(chaos: Chaos) -> tuple[Counter[str], list[str]]:
    """Start orchestrations again for as long as their worker processes die; returns how they failed."""
    wanted = {"two_steps": (3, 12), "accountant": (None, None), "sleeper": (None, "awake")}
    texts: Counter[str] = Counter()
    with Host(blueprint, chaos=chaos) as host:
        for name, (value, _) in wanted.items():
            host.start(name, value, instance_id=name)
        for _ in range(200):
            host.advance(days=1)
            failed = [one for one in host.instances() if one.runtime_status == "Failed"]
            for one in failed:
                texts[str(one.output)] += 1
                host.start(one.name, wanted[one.name][0], instance_id=one.instance_id)
        host.check_invariants()
        assert [host.status(name).output for name in ("two_steps", "sleeper")] == [12, "awake"]
        assert host.status("accountant").output % 5 == 0
        return texts, host.trace


@pytest.mark.parametrize("seeds", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_whatever_the_seed_the_texts_are_the_real_ones_and_a_new_start_helps(seeds: int) -> None:
    """Of every fault together; what is not Failed is right."""
    logging.disable(logging.ERROR)
    texts: Counter[str] = Counter()
    explore(lambda chaos: texts.update(insist(chaos)[0]), ROUGH, range(seeds))
    logging.disable(logging.NOTSET)
    differs = [text for text in texts if text.startswith(DIFFERS.partition("{")[0])]
    exited = [f"Orchestrator function '{n}' failed: {EXITED}" for n in ("two_steps", "accountant", "sleeper")]
    assert sorted(texts) == sorted([*differs, *exited])
    assert len(differs) == 3  # an activity, an event to an entity, a timer


def test_a_seed_gives_the_same_losses_each_time() -> None:
    """Move by move."""
    logging.disable(logging.ERROR)
    assert insist(ROUGH)[1] == insist(ROUGH)[1]
    assert any(line.startswith("worker lost") for line in insist(ROUGH)[1])
    logging.disable(logging.NOTSET)
