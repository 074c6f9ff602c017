"""The timeline: bars from the history events that the durable client gives, and where they stand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devhost.testing import Host
from orchestrators import batch, chunk
from tests.unit.linear import processor_seconds
from web.views.failures import failure
from web.views.runs import events_table
from web.views.timeline import Bar, Timeline, ticks, timeline
from web.views.timeline_chart import HEAD, ROW, chart

START = datetime(2026, 5, 4, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    """A moment as the host writes it."""
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def event(kind: str, seconds: float, **fields: Any) -> dict[str, Any]:
    """One element of `historyEvents`."""
    return {"EventType": kind, "Timestamp": at(seconds), **fields}


def bars(
    *events: dict[str, Any], now: float = 100, waiting_for: tuple[str, ...] = ()
) -> list[tuple[Any, ...]]:
    """Kind, name, outcome, and start and end in seconds of each bar."""
    whole = [event("ExecutionStarted", 0, FunctionName="o"), *events]
    line = timeline(whole, START + timedelta(seconds=now), waiting_for)
    assert line is not None
    return [told(bar) for bar in line.bars]


def told(bar: Bar) -> tuple[Any, ...]:
    """A bar in short."""
    return (
        bar.kind,
        bar.name,
        bar.outcome,
        (bar.start - START).total_seconds(),
        (bar.end - START).total_seconds(),
    )


END = event("ExecutionCompleted", 50, OrchestrationStatus="Completed", Result=None)


def test_a_finished_activity_lasts_from_its_start_to_its_end() -> None:
    """Its one event has both times; a failed one brings its reason."""
    line = timeline(
        [
            event("ExecutionStarted", 0),
            event("TaskCompleted", 5, FunctionName="check_chunk", ScheduledTime=at(2)),
            event(
                "TaskFailed",
                9,
                FunctionName="claim",
                ScheduledTime=at(6),
                Reason="no answer",
                Details="the stack",
            ),
        ],
        START + timedelta(seconds=10),
    )
    assert line is not None
    assert [told(bar) for bar in line.bars] == [
        ("activity", "check_chunk", "done", 2, 5),
        ("activity", "claim", "failed", 6, 9),
    ]
    assert line.bars[1].detail == "no answer\nthe stack"
    assert not line.ended


def test_what_is_under_way_lasts_until_now_or_until_the_run_ended() -> None:
    """A run that was terminated leaves steps behind that nobody waits for."""
    running = event("TaskScheduled", 3, Name="slow")
    part = event("SubOrchestrationInstanceCreated", 4, Name="child", InstanceId="x:1")
    assert bars(running, part) == [
        ("activity", "slow", "running", 3, 100),
        ("run", "child", "running", 4, 100),
    ]
    ended = event("ExecutionTerminated", 20, Input="enough")
    assert bars(running, ended) == [("activity", "slow", "stopped", 3, 20)]


def test_timers_that_fired_wait_or_were_not_needed() -> None:
    """A timer is found again by its moment; of two for the same moment each takes one firing."""
    created = [event("TimerCreated", 1, FireAt=at(10)), event("TimerCreated", 2, FireAt=at(10))]
    fired = event("TimerFired", 1, FireAt=at(10))
    assert bars(*created, fired) == [
        ("timer", "Timer", "fired", 1, 10),
        ("timer", "Timer", "unused", 2, 10),
    ]
    digits = event("TimerCreated", 1, FireAt=at(10).replace("Z", ".000000Z"))
    assert bars(digits, fired) == [("timer", "Timer", "fired", 1, 10)]
    assert bars(event("TimerCreated", 1, FireAt=at(900))) == [("timer", "Timer", "pending", 1, 100)]
    assert bars(event("TimerCreated", 1, FireAt=at(900)), END) == [("timer", "Timer", "unused", 1, 50)]


def step(kind: str, asked: float, ended: float, **fields: Any) -> dict[str, Any]:
    """A task that has ended, as a history shows it."""
    return event(kind, ended, ScheduledTime=at(asked), **fields)


@pytest.mark.parametrize(
    ("later", "woke"),
    [
        ([event("TaskScheduled", 10.01, Name="notify")], "notify"),
        ([event("TaskScheduled", 9.1, Name="notify")], "notify"),
        (
            [step("TaskCompleted", 9.1, 14, FunctionName="notify"), event("TimerCreated", 14, FireAt=at(30))],
            "notify",
        ),
        ([step("TaskCompleted", 3, 12, FunctionName="slow"), event("TaskScheduled", 12, Name="next")], None),
        ([step("SubOrchestrationInstanceFailed", 10, 12, FunctionName="part")], "part"),
        ([event("TimerCreated", 9.2, FireAt=at(11))], "another timer"),
        ([event("EventSent", 10, Name="op")], "a call of an entity"),
        ([event("ExecutionCompleted", 9.5)], "the end"),
        ([event("EventRaised", 20, Name="go"), event("TaskScheduled", 20, Name="next")], None),
        ([event("ExecutionTerminated", 20), event("ExecutionCompleted", 20)], None),
        ([event("TimerFired", 1, FireAt=at(20)), event("TaskScheduled", 20.1, Name="next")], None),
        ([], None),
    ],
)
def test_a_timer_that_fired_names_the_step_that_it_woke(
    later: list[dict[str, Any]], woke: str | None
) -> None:
    """The time of its firing is that of its making, so what was asked for around its time tells.

    It may be up to a second early. What another event woke, or had been asked for before, is not its own.
    """
    made = [event("TimerCreated", 1, FireAt=at(10)), event("TimerCreated", 1, FireAt=at(20))]
    fired = event("TimerFired", 1, FireAt=at(10))
    line = timeline([event("ExecutionStarted", 0), *made, fired, *later], START + timedelta(seconds=100))
    assert line is not None
    bar = next(one for one in line.bars if one.outcome == "fired")
    assert (bar.woke, bar.end) == (woke, min(START + timedelta(seconds=10), line.end))


def test_chart_and_table_say_what_a_timer_woke() -> None:
    """Both: the table says what the chart shows."""
    events = [
        event("ExecutionStarted", 0),
        event("TimerCreated", 1, FireAt=at(10)),
        event("TimerFired", 1, FireAt=at(10)),
        event("TaskScheduled", 9.5, Name="check_chunk"),
    ]
    line = timeline(events, START + timedelta(seconds=20))
    assert line is not None
    assert chart(line).rows[0].summary == "ran out, 9 seconds; then check chunk"
    assert chart(line).rows[0].title.endswith("12:00:01 UTC to 4 May 2026, 12:00:10 UTC; then check chunk")
    assert [row["woke"] for row in events_table(line, 10)] == ["check chunk", ""]


def test_a_wait_begins_when_the_run_was_last_busy() -> None:
    """Reminders come and go meanwhile: timers do not end a wait, and neither does its own beginning guess."""
    assert bars(
        event("TaskCompleted", 5, FunctionName="tell", ScheduledTime=at(1)),
        event("TimerCreated", 5, FireAt=at(20)),
        event("TimerFired", 5, FireAt=at(20)),
        event("EventRaised", 30, Name="decision.clerk.1", Input="true"),
        event("EventRaised", 40, Name="decision.clerk.2", Input="true"),
    )[1:] == [
        ("timer", "Timer", "fired", 5, 20),
        ("wait", "decision.clerk.1", "received", 5, 30),
        ("wait", "decision.clerk.2", "received", 30, 40),
    ]


def test_an_open_wait_is_drawn_where_the_run_says_so() -> None:
    """Its custom status names the event; once the run has ended nothing is waited for."""
    done = event("TaskCompleted", 5, FunctionName="tell", ScheduledTime=at(1))
    assert bars(done, waiting_for=("decision.clerk.1",))[-1] == (
        "wait",
        "decision.clerk.1",
        "running",
        5,
        100,
    )
    assert len(bars(done, END, waiting_for=("decision.clerk.1",))) == 1


def test_pauses_and_entities() -> None:
    """A suspended stretch, one that is still going, and an entity's answer, whose name is an id."""
    assert bars(event("ExecutionSuspended", 2, Reason="lunch"), event("ExecutionResumed", 6)) == [
        ("pause", "Suspended", "done", 2, 6)
    ]
    assert bars(event("ExecutionSuspended", 2)) == [("pause", "Suspended", "running", 2, 100)]
    answer = "0f5a2b6e-5b6f-4f0e-9f3c-2a1b3c4d5e6f"
    assert bars(
        event("EventSent", 3, InstanceId="@e@k", Name="op"), event("EventRaised", 4, Name=answer)
    ) == [("entity", "Entity", "done", 3, 4)]


def test_nothing_has_happened_yet() -> None:
    """A run that is about to start has no history; strange events are passed over."""
    assert timeline([], START) is None
    assert timeline([{"EventType": "TaskCompleted"}], START) is None
    assert bars(event("GenericEvent", 1, Data="x"), event("SomethingNew", 2)) == []


def test_a_clock_that_is_behind_draws_nothing_backwards() -> None:
    """The browser's server may be behind the host."""
    line = timeline([event("ExecutionStarted", 10), event("TaskScheduled", 10, Name="a")], START)
    assert line is not None
    assert line.start == line.end
    assert chart(line).rows[0].width > 0


@pytest.mark.parametrize(
    ("seconds", "texts"),
    [
        (0.04, [0.01, 0.02, 0.03, 0.04]),
        (1.5, [0.5, 1, 1.5]),
        (100, [30, 60, 90]),
        (86400 * 14, [432000, 864000]),
        (0, []),
    ],
)
def test_ticks_are_even_and_few(seconds: float, texts: list[float]) -> None:
    """Steps that people read at ease."""
    assert [one.total_seconds() for one in ticks(timedelta(seconds=seconds))] == texts


def test_ticks_of_centuries_stay_few() -> None:
    """Even where no step of ours is long enough."""
    assert 0 < len(ticks(timedelta(days=200_000))) <= 5


def test_a_chart_fits_its_width() -> None:
    """Every bar lies between 0 and 100 per cent, and one of milliseconds in a run of days can be seen."""
    span = timedelta(days=14)
    moments = [(timedelta(0), span), (timedelta(days=3), timedelta(days=3, milliseconds=4)), (span, span)]
    line = Timeline(
        START, START + span, True, [Bar("activity", "x", START + a, START + b, "done") for a, b in moments]
    )
    drawn = chart(line)
    assert all(row.x >= 0 and row.x + row.width <= 100.001 and row.width >= 0.5 for row in drawn.rows)
    assert drawn.height == HEAD + 3 * ROW
    assert [row.y for row in drawn.rows] == [HEAD, HEAD + ROW, HEAD + 2 * ROW]


def test_a_long_history_is_cut_and_says_so() -> None:
    """A page stays readable."""
    many = [Bar("activity", f"n{n}", START, START, "done") for n in range(300)]
    drawn = chart(Timeline(START, START, True, many), most=200)
    assert (len(drawn.rows), drawn.left_out) == (200, 100)


def test_a_real_history_of_the_host_becomes_a_timeline() -> None:
    """The events of the embedded host: activities, a sub-orchestration and the timer that was not needed."""
    activities = {
        "unpack_batch": {"outcome": "ok", "documents": 10, "chunks": 1},
        "check_chunk": {"outcome": "ok", "counts": {"valid": 10}},
        "count_results": {"valid": 10},
        "claim_invoices": {"outcome": "ok", "counts": {"valid": 10}},
        "write_report": {"written": []},
        "route_batch": {"outcome": "ok", "documents": 0, "approvals": 0, "packs": 0, "unapprovable": 0},
    }
    with Host([batch.bp, chunk.bp], activities=activities) as host:
        name = "b" + "0" * 24
        job = {"batch": name, "source": {"kind": "upload", "name": "may.zip"}, "approval": False}
        host.start("process_batch", job, instance_id=name)
        host.finish(name)
        status = host.status(name, history=True)
    line = timeline(status.history or [], datetime.now(UTC))
    assert line is not None
    assert line.ended
    names = [bar.name for bar in line.bars]
    assert names[:2] == ["unpack_batch", "batch_window"]
    assert "batch_report" in names
    assert {bar.outcome for bar in line.bars if bar.kind == "timer"} <= {"unused"}


def test_a_failure_is_told_from_the_outside_in() -> None:
    """Nested texts of the host become a path, one sentence, and the stack for those who want it."""
    details = json.dumps(
        {"ClassName": "System.Exception", "Message": " x", "StackTraceString": 'File "a.py"\n  boom'}
    )
    text = (
        "Orchestrator function 'batch' failed: Orchestrator function 'batch_chunk' failed: "
        f"Activity function 'check_chunk' failed:  ValueError: boom \n {details}"
    )
    told = failure(text)
    assert told is not None
    assert told.path == [("run", "batch"), ("run", "batch_chunk"), ("step", "check_chunk")]
    assert told.message == "ValueError: boom"
    assert told.details == 'File "a.py"\n  boom'


def test_failures_within_failures_are_taken_apart_in_one_pass() -> None:
    """The text is what an exception says, of any length: 3 MB of it took minutes."""
    text = "Activity function 'x' failed: " * 100_000
    assert processor_seconds(lambda: failure(text)) < 5


@pytest.mark.parametrize("text", ["", None, "   "])
def test_no_failure_is_none(text: str | None) -> None:
    """No text, no box."""
    assert failure(text) is None


def test_a_failure_that_is_plain_text_stays_it() -> None:
    """A reason somebody gave, or a stack that is no JSON, cut where it is endless."""
    told = failure("enough")
    assert told is not None
    assert (told.path, told.message, told.details) == ([], "enough", None)
    endless = failure("boom\n" + "x" * 1_000_000)
    assert endless is not None
    assert len(endless.details or "") == 12_000
