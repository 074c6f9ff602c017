"""The replay check: agreement where a host would go on, and the right event and line where code departs."""

from __future__ import annotations

import inspect
import random
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from devhost.orchestration.history import EventType
from devhost.replay import check
from tests.devhost.replay_kit import app, record


def store(context, n):
    """A step of its own, driven by yield from."""
    return (yield context.call_activity("store", n))


def flow(context):
    """What is recorded: two activities, a timer, a fan-out, a child."""
    a = yield context.call_activity("fetch", 1)
    b = yield from store(context, 2)
    yield context.create_timer(context.current_utc_datetime + timedelta(days=1))
    parts = yield context.task_all([context.call_activity("part", n) for n in range(3)])
    child = yield context.call_sub_orchestrator("kid", 5)
    return [a, b, parts, child]


@pytest.fixture(scope="module")
def recorded():
    """One finished run of ``flow``."""
    return record(flow)


def line_of(function: Any, text: str) -> int:
    """Return the number of the line of a function that holds ``text``."""
    lines, first = inspect.getsourcelines(function)
    return first + next(n for n, line in enumerate(lines) if text in line)


def test_code_that_has_not_changed_agrees(recorded):
    """In both forms, and the result is true."""
    for history in (recorded.full, recorded.shown, recorded.events):
        result = check(history, app(flow))
        assert result, str(result)
        assert (result.agrees, result.finished, result.name) == (True, True, "flow")
    assert check(recorded.full, app(flow)).warnings == []


def test_history_that_ends_while_the_instance_runs_agrees():
    """Waiting for a timer, with everything before it as recorded."""
    running = record(flow, act=lambda host: host.advance(timedelta(hours=1)))
    for history in (running.full, running.shown):
        result = check(history, app(flow))
        assert result.agrees
        assert not result.finished


# -- departures


def renamed(context):
    """Another activity in the second step."""
    a = yield context.call_activity("fetch", 1)
    b = yield context.call_activity("save", 1)
    yield context.create_timer(context.current_utc_datetime + timedelta(days=1))
    return [a, b]


def inserted(context):
    """A step more before the timer."""
    yield context.call_activity("fetch", 1)
    yield from store(context, 2)
    yield from store(context, 3)
    yield context.create_timer(context.current_utc_datetime + timedelta(days=1))


def removed(context):
    """The timer is gone."""
    yield context.call_activity("fetch", 1)
    yield from store(context, 2)
    yield context.task_all([context.call_activity("part", n) for n in range(3)])


def wider(context):
    """Four parts in place of three."""
    yield context.call_activity("fetch", 1)
    yield from store(context, 2)
    yield context.create_timer(context.current_utc_datetime + timedelta(days=1))
    yield context.task_all([context.call_activity("part", n) for n in range(4)])
    yield context.call_sub_orchestrator("kid", 5)


def appended(context):
    """One activity more at the end."""
    result = yield from flow(context)
    yield context.call_activity("save", result)
    return result


def signals(context):
    """A signal between the steps."""
    yield context.call_activity("fetch", 1)
    context.signal_entity(df.EntityId("counter", "k"), "add", 1)
    yield from store(context, 2)


def raises(context):
    """Fails after the first step."""
    yield context.call_activity("fetch", 1)
    raise ValueError("not today")


def returns_early(context):
    """Ends after the first step."""
    a = yield context.call_activity("fetch", 1)
    if a:
        return "early"
    yield from store(context, 2)


def begins_anew(context):
    """Continues as new after the first step."""
    yield context.call_activity("fetch", 1)
    context.continue_as_new(1)


def other_child(context):
    """Another sub-orchestration."""
    yield context.call_activity("fetch", 1)
    yield from store(context, 2)
    yield context.create_timer(context.current_utc_datetime + timedelta(days=1))
    yield context.task_all([context.call_activity("part", n) for n in range(3)])
    yield context.call_sub_orchestrator("cousin", 5)


DEPARTURES = [
    # orchestrator, kind and number of the event among those, what the code does now, the line
    (renamed, "TaskScheduled", 1, "activity 'save'", (renamed, "save")),
    (inserted, "TimerCreated", 0, "activity 'store'", (store, "return (yield")),
    (removed, "TimerCreated", 0, "activity 'part'", (removed, "task_all")),
    (wider, "TaskScheduled", 4, "activity 'part'", (wider, "task_all")),
    (appended, "ExecutionCompleted", 0, "activity 'save'", (appended, "save")),
    (signals, "TaskScheduled", 1, "a signal of the entity operation add on @counter@k", (signals, "signal_")),
    (
        raises,
        "TaskScheduled",
        1,
        "the orchestration ends as Failed with Orchestrator function 'flow' failed: not today",
        (raises, "raise Value"),
    ),
    (
        returns_early,
        "TaskScheduled",
        1,
        'the orchestration ends as Completed with "early"',
        (returns_early, 'return "'),
    ),
    (
        begins_anew,
        "TaskScheduled",
        1,
        'the orchestration continues as new with "1"',
        (begins_anew, "continue_"),
    ),
    (
        other_child,
        "SubOrchestrationInstanceCreated",
        0,
        "sub-orchestration 'cousin'",
        (other_child, "cousin"),
    ),
]


@pytest.mark.parametrize(
    ("changed", "kind", "number", "now", "line"), DEPARTURES, ids=[row[0].__name__ for row in DEPARTURES]
)
def test_departure_is_told_with_event_and_line(recorded, changed, kind, number, now, line):
    """The first event that today's code does not lead to, what it asks for now, and where."""
    result = check(recorded.full, app(changed))
    departure = result.departure
    assert departure is not None
    numbers = [n for n, one in enumerate(recorded.events) if one["EventType"] == EventType[kind]]
    assert (departure.kind, departure.index) == (kind, numbers[number])
    assert departure.time == recorded.events[departure.index]["Timestamp"]
    assert departure.now == now
    assert departure.position is not None
    function, text = line
    assert departure.position.file == __file__
    assert (departure.position.line, departure.position.function) == (
        line_of(function, text),
        function.__name__,
    )


@pytest.mark.parametrize(
    "changed", [row[0] for row in DEPARTURES], ids=[row[0].__name__ for row in DEPARTURES]
)
def test_departure_is_found_in_a_folded_history_too(recorded, changed):
    """Its place is that of the element which tells of the event."""
    full, folded = check(recorded.full, app(changed)), check(recorded.shown, app(changed))
    assert full.departure is not None
    assert folded.departure is not None
    assert folded.departure.label == "historyEvents"
    assert (folded.departure.kind, folded.departure.name) == (full.departure.kind, full.departure.name)
    row = recorded.shown["historyEvents"][folded.departure.index]
    assert full.departure.name in (row.get("FunctionName"), row.get("Name"))


def test_host_text_is_told_where_a_host_would_fail(recorded):
    """The framework's own words, with the id and both names."""
    departure = check(recorded.full, app(renamed)).departure
    assert departure is not None
    assert "named 'store'" in str(departure.text)
    assert "scheduled an activity task named 'save'" in str(departure.text)
    assert "a host fails the instance with: Non-Deterministic workflow detected" in str(departure)


def test_chance_is_found_where_it_strikes(recorded):
    """Code that asks for something else at each replay departs somewhere; here nearly always at the second
    call.
    """
    order = random.Random(7)

    def chance(context):
        yield context.call_activity("fetch", 1)
        yield context.call_activity(order.choice(["a", "b", "c", "d"]), 1)

    departure = check(recorded.full, app(chance)).departure
    assert departure is not None
    assert departure.kind == "TaskScheduled"
    assert departure.recorded == "activity 'store'"


def test_orchestrator_that_is_gone_departs(recorded):
    """An instance in flight could not go on."""
    departure = check(recorded.full, app(flow, name="another")).departure
    assert departure is not None
    assert (departure.kind, departure.index) == ("ExecutionStarted", 1)
    assert "it has: another" in departure.now


def test_names_are_compared_without_case(recorded):
    """As the framework does."""

    def shouting(context):
        yield context.call_activity("FETCH", 1)
        return (yield from flow_rest(context))

    def flow_rest(context):
        b = yield context.call_activity("Store", 2)
        yield context.create_timer(context.current_utc_datetime + timedelta(days=1))
        parts = yield context.task_all([context.call_activity("part", n) for n in range(3)])
        child = yield context.call_sub_orchestrator("Kid", 5)
        return [1, b, parts, child]

    assert check(recorded.full, app(shouting))


# -- output, inputs, times


def other_output(context):
    """The same steps, another output."""
    yield from flow(context)
    return "other"


def test_other_output_departs_unless_it_is_allowed(recorded):
    """The line is that of the return."""
    departure = check(recorded.full, app(other_output)).departure
    assert departure is not None
    assert departure.kind == "ExecutionCompleted"
    assert departure.position is not None
    assert departure.position.line == line_of(other_output, 'return "other"')
    result = check(recorded.full, app(other_output), ignore_output=True)
    assert result.agrees
    assert 'the code now gives "other"' in result.warnings[0]


def test_other_failure_departs():
    """The text of a failure is an output too."""

    def broken(context):
        yield context.call_activity("fetch", 1)
        raise ValueError("one")

    def broken_otherwise(context):
        yield context.call_activity("fetch", 1)
        raise ValueError("two")

    failed = record(broken)
    assert check(failed.full, app(broken))
    assert not check(failed.full, app(broken_otherwise))
    assert check(failed.full, app(broken_otherwise), ignore_output=True)


def test_timer_of_another_length_is_a_warning(recorded):
    """No host notices, but a person should."""

    def longer(context):
        a = yield context.call_activity("fetch", 1)
        b = yield from store(context, 2)
        yield context.create_timer(context.current_utc_datetime + timedelta(days=2))
        parts = yield context.task_all([context.call_activity("part", n) for n in range(3)])
        child = yield context.call_sub_orchestrator("kid", 5)
        return [a, b, parts, child]

    result = check(recorded.full, app(longer))
    assert result.agrees
    (warning,) = result.warnings
    assert "2024-01-02" in warning
    assert "the code now asks for 2024-01-03" in warning


def test_other_input_is_a_warning_where_the_history_has_inputs():
    """storeInputsInOrchestrationHistory keeps them; without it there is nothing to compare."""

    def one_call(context):
        return (yield context.call_activity("fetch", {"a": 1}))

    def other_call(context):
        return (yield context.call_activity("fetch", {"a": 2}))

    with_inputs = record(one_call, store_inputs_in_orchestration_history=True)
    assert check(with_inputs.full, app(one_call)).warnings == []
    result = check(with_inputs.full, app(other_call))
    assert result.agrees
    assert 'history has {"a":1}, the code now gives {"a":2}' in result.warnings[0]
    assert check(record(one_call).full, app(other_call)).warnings == []


def test_other_entity_operation_departs():
    """The framework compares no entity operations, but the answer would be another one's."""

    def asks(context):
        return (yield context.call_entity(df.EntityId("counter", "k"), "get"))

    def asks_otherwise(context):
        return (yield context.call_entity(df.EntityId("counter", "k"), "reset"))

    def counter(context):
        context.set_result(7)

    blueprint = app(asks)
    blueprint.entity_trigger(context_name="context")(counter)
    asked = record(blueprint).full
    assert check(asked, app(asks))
    departure = check(asked, app(asks_otherwise)).departure
    assert departure is not None
    assert departure.kind == "EventSent"
    assert departure.recorded == "a call of the entity operation get on @counter@k"


def test_other_input_of_an_entity_operation_is_a_warning():
    """The request is in the history, so it can be compared."""

    def adds(context):
        context.signal_entity(df.EntityId("counter", "k"), "add", 1)
        yield context.call_activity("fetch")

    def adds_more(context):
        context.signal_entity(df.EntityId("counter", "k"), "add", 2)
        yield context.call_activity("fetch")

    def counter(context):
        context.set_result(7)

    blueprint = app(adds)
    blueprint.entity_trigger(context_name="context")(counter)
    asked = record(blueprint).full
    assert check(asked, app(adds)).warnings == []
    (warning,) = check(asked, app(adds_more)).warnings
    assert "history has 1, the code now gives 2" in warning


def test_signal_right_before_the_end_agrees_and_another_input_is_a_warning():
    """Nothing comes after it that would confirm it."""

    def tells(context):
        yield context.call_activity("fetch")
        context.signal_entity(df.EntityId("counter", "k"), "add", {"by": 1})

    def tells_more(context):
        yield context.call_activity("fetch")
        context.signal_entity(df.EntityId("counter", "k"), "add", {"by": 2})

    def counter(context):
        context.set_result(7)

    blueprint = app(tells)
    blueprint.entity_trigger(context_name="context")(counter)
    told = record(blueprint).full
    assert check(told, app(tells)).warnings == []
    (warning,) = check(told, app(tells_more)).warnings
    assert "the input differs" in warning


def test_version_is_told_where_a_folded_history_does_not_tell_it():
    """Code that goes by `context.version` agrees with the history of an old instance then."""

    def by_version(context):
        yield context.call_activity("store" if context.version == "1.1" else "fetch", 1)

    old = record(by_version, default_version="1.0")
    new = record(by_version, default_version="1.1")
    assert check(old.full, app(by_version))
    assert check(new.full, app(by_version))
    assert check(old.shown, app(by_version), version="1.0")
    assert check(new.shown, app(by_version), version="1.1")
    assert not check(new.shown, app(by_version), version="1.0")
    assert check(new.full, app(by_version), version="1.0"), "a full history knows better"
