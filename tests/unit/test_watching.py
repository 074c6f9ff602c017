"""What a run waits for, and whether it is stuck: decided from what the task hub says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.setting_values import SettingError
from adapters.watch_settings import read_watch
from invoicing.records.supervision import FailedRun, OpenWork
from invoicing.records.watching import Failing, WatchedRun, WatchLimits
from invoicing.supervision import PAUSES, case_of, closed, due, started_again, verdict
from invoicing.watching import case_alone, failing, look_at, may_be_stuck, summary

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LIMITS = WatchLimits()
STORAGE = "Activity function 'check_chunk' failed:  StorageUnavailable: read x: no answer"
RULES = "Activity function 'assess_invoice' failed:  RulesMissing: no rules"
FAULT = "Activity function 'assess_invoice' failed:  KeyError: 'x'"
LOST = "Orchestrator function 'process_invoice' failed: python3 exited with code 137 (0x89)"


def ago(**time: float) -> datetime:
    """A moment before now."""
    return NOW - timedelta(**time)


def run(orchestrator: str = "process_invoice", **changes: Any) -> WatchedRun:
    """A run that began a minute ago and was busy just now."""
    return replace(WatchedRun("i1", orchestrator, "Running", ago(minutes=1), NOW), **changes)


def stage(**changes: Any) -> dict[str, Any]:
    """The custom status of an approval that waits for a person since an hour, for another day."""
    since, deadline = ago(hours=1).isoformat(), (NOW + timedelta(days=1)).isoformat()
    return {
        "stage": "clerk",
        "attempt": 0,
        "waiting_for": ["ann@example.com"],
        "since": since,
        "deadline": deadline,
    } | changes


WAITS: list[tuple[str, WatchedRun, Failing | None, str, bool]] = [
    ("it has just been asked for", run(status="Pending"), None, "start", False),
    ("no worker", run(status="Pending", created=ago(minutes=10)), None, "start", True),
    ("somebody suspended it", run(status="Suspended"), None, "person", False),
    ("an approval in time", run("approval", custom=stage()), None, "person", False),
    ("nobody left", run("approval", custom=stage(waiting_for=[])), None, "person", True),
    (
        "an alarm that did not come",
        run("approval", custom=stage(since=ago(days=3).isoformat(), deadline=ago(hours=2).isoformat())),
        None,
        "person",
        True,
    ),
    ("for weeks", run("approval", custom=stage(since=ago(days=15).isoformat())), None, "person", True),
    (
        "goods are on their way",
        run("goods_receipt", custom={"order": "1", "receipts": 0, "until": NOW.isoformat()}),
        None,
        "goods",
        False,
    ),
    (
        "goods that never came",
        run("goods_receipt", custom={"order": "1", "receipts": 0, "until": ago(hours=2).isoformat()}),
        None,
        "goods",
        True,
    ),
    ("a first try", run("deliver_notification", custom={"attempts": 1, "error": "x"}), None, "mail", False),
    (
        "the mail server is down",
        run("deliver_digest", created=ago(hours=2), custom={"attempts": 9, "error": "x"}),
        None,
        "mail",
        True,
    ),
    (
        "a receiver is down",
        run("deliver_callback", created=ago(hours=2), custom={"attempts": 9, "error": "x"}),
        None,
        "receiver",
        True,
    ),
    ("a mailbox that is away", run("watch_mailbox", custom={"condition": "away"}), None, "mail", False),
    ("a blip", run(), Failing(STORAGE, ago(minutes=1)), "storage", False),
    ("the storage is away", run(), Failing(STORAGE, ago(minutes=16)), "storage", True),
    ("the rules are missing", run(), Failing(RULES, ago(minutes=16)), "rules", True),
    ("a step that fails", run(), Failing(FAULT, ago(minutes=16)), "step", True),
    ("it waits for its approval", run(custom={"phase": "approval"}), None, "approval", False),
    (
        "a digest before its time",
        run("deliver_digest", input={"ends": (NOW + timedelta(minutes=5)).isoformat()}),
        None,
        "time",
        False,
    ),
    ("at work", run(), None, "step", False),
    ("nothing moves", run(updated=ago(hours=6)), None, "step", True),
    ("values of strangers", run(custom={"stage": "x", "since": 5, "waiting_for": 7}), None, "person", True),
]


@pytest.mark.parametrize(("what", "seen", "fails", "kind", "stuck"), WAITS, ids=[one[0] for one in WAITS])
def test_what_a_run_waits_for(
    what: str, seen: WatchedRun, fails: Failing | None, kind: str, stuck: bool
) -> None:
    """Each kind of wait is told, and is stuck after its own time."""
    found = look_at(seen, LIMITS, NOW, failing=fails)
    assert (found.waits_for, found.is_stuck) == (kind, stuck), what
    assert found.advice
    assert found.since <= NOW


def test_people_and_failures_are_named() -> None:
    """Who is asked, until when, and the last failure in one line."""
    found = look_at(run("approval", custom=stage()), LIMITS, NOW)
    assert (found.who, found.since, found.until) == (
        ("ann@example.com",),
        ago(hours=1),
        NOW + timedelta(days=1),
    )
    assert found.actions == ("reassign",)
    fails = look_at(run(), LIMITS, NOW, failing=Failing(f"{STORAGE}\nstack", NOW))
    assert fails.last_failure == STORAGE
    assert fails.actions == ("close",)


def test_case_says_what_may_be_done() -> None:
    """One that failed of itself can be rewound; one that was lost, or is gone, has no step to repeat."""
    work = OpenWork(instance="i1", orchestrator="process_invoice", input={})
    fault = case_of(FailedRun(work=work, failure=FAULT), ago(hours=1), None)
    failed = look_at(run(status="Failed"), LIMITS, NOW, case=fault)
    assert (failed.waits_for, failed.is_stuck, failed.since) == ("repair", True, ago(hours=1))
    assert failed.actions == ("restart", "rewind", "close")
    assert "KeyError" in failed.last_failure

    lost = case_of(FailedRun(work=work, failure=LOST), NOW, None)
    waiting = look_at(run(status="Failed"), LIMITS, NOW, case=lost)
    assert (waiting.waits_for, waiting.is_stuck, waiting.until) == ("start", False, NOW)
    stuck = lost.model_copy(update={"restarts": len(PAUSES)})
    assert look_at(case_alone(stuck), LIMITS, NOW, case=stuck).actions == ("restart", "close")
    assert look_at(run(), LIMITS, NOW, case=started_again(lost, NOW)).waits_for == "step"


def test_closed_case_is_left_alone() -> None:
    """It is not started again by itself, but by a person it may be."""
    work = OpenWork(instance="i1", orchestrator="process_invoice", input={})
    case = closed(case_of(FailedRun(work=work, failure=LOST), NOW, None), NOW)
    assert (due(case), verdict(case, NOW)) == (None, "stuck")
    assert case_of(FailedRun(work=work, failure=LOST), NOW + timedelta(days=1), case) == case
    assert started_again(case, NOW).closed is None


def test_parts_are_closed_with_the_run_that_they_belong_to() -> None:
    """So is what begins the approvals of a batch: its documents would not know of it."""
    assert look_at(run("batch_window"), LIMITS, NOW).actions == ()
    assert look_at(run("batch_approvals"), LIMITS, NOW).actions == ()
    assert look_at(run("sweep_container"), LIMITS, NOW).actions == ("close",)


def test_history_is_read_only_where_it_may_tell_something() -> None:
    """A run that has been at work for a while; not one that waits for people."""
    assert not may_be_stuck(run(), LIMITS, NOW)
    assert may_be_stuck(run(created=ago(minutes=16)), LIMITS, NOW)
    assert not may_be_stuck(run("approval", created=ago(days=3), custom=stage()), LIMITS, NOW)


def _event(kind: str, minutes: float, reason: str | None = None) -> dict[str, Any]:
    at = ago(minutes=minutes).isoformat().replace("+00:00", ".1234567Z")
    return {"EventType": kind, "Timestamp": at, "Reason": reason}


def test_what_keeps_failing_is_told_since_it_began() -> None:
    """A step that was done ends it; timers in between do not."""
    events = [
        _event("TaskFailed", 60, FAULT),
        _event("TaskCompleted", 50),
        _event("TaskFailed", 40, "first"),
        _event("TimerFired", 35),
        _event("TaskFailed", 30, STORAGE),
        _event("TimerCreated", 30),
    ]
    found = failing(events)
    assert found is not None
    assert (found.failure, found.since.replace(microsecond=0)) == (STORAGE, ago(minutes=40))
    assert failing([*events, _event("SubOrchestrationInstanceCompleted", 1)]) is None
    assert failing([{"EventType": "TaskFailed", "Timestamp": "yesterday"}]) is None


def test_log_has_one_line() -> None:
    """How many there are, and the one that waits longest; nothing where nothing is stuck."""
    old = look_at(run(status="Pending", created=ago(hours=2)), LIMITS, NOW)
    new = look_at(run(updated=ago(hours=7)), LIMITS, NOW)
    assert summary([], is_all=True) == ""
    assert summary([old], is_all=True).startswith("1 run is stuck; ")
    text = summary([old, new], is_all=False)
    assert text == (
        "at least 2 runs are stuck; the oldest, process_invoice i1, waits for step since "
        "2026-05-04T05:00:00+00:00"
    )


def test_settings() -> None:
    """Each wait has its own, within bounds."""
    assert read_watch({}) == WatchLimits()
    assert read_watch({"SETTLE_STUCK_PERSON_DAYS": "3"}).person == timedelta(days=3)
    with pytest.raises(SettingError, match="SETTLE_STUCK_START_MINUTES"):
        read_watch({"SETTLE_STUCK_START_MINUTES": "0"})
