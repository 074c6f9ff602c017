"""What the supervisor decides about a run that failed or is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from invoicing.supervision import (
    GONE,
    PAUSES,
    RECOVERED_AFTER,
    Case,
    OpenWork,
    advice,
    case_of,
    gone_case,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORK = OpenWork(instance="i1", orchestrator="invoice", input={"invoice": "i1"})
LOST = "Orchestrator function 'invoice' failed: python3 exited with code 137 (0x89) \n {details}"
FAULT = "Orchestrator function 'invoice' failed: KeyError: 'approval'"


def _after(**time: float) -> datetime:
    return NOW + timedelta(**time)


def test_lost_run_is_started_again_at_once_the_first_time() -> None:
    """A new worker process is there in seconds; the reason is the first line of the failure."""
    case = case_of(WORK, LOST, NOW, None)
    assert case.verdict(NOW) == "restart"
    assert case.reason == "Orchestrator function 'invoice' failed: python3 exited with code 137 (0x89)"


def test_run_that_failed_of_itself_is_stuck() -> None:
    """Starting it again would only fail again."""
    case = case_of(WORK, FAULT, NOW, None)
    assert case.verdict(_after(days=30)) == "stuck"
    assert "mend the cause" in advice(case)


def test_run_that_is_lost_again_waits_longer_each_time_and_is_stuck_at_last() -> None:
    """The pauses grow; each begins when the failure was seen, not when it is looked at again."""
    case = None
    moment = NOW
    for pause in PAUSES:
        case = case_of(WORK, LOST, moment, case)
        assert case.verdict(moment + pause - timedelta(seconds=1)) == "wait" or not pause
        assert case_of(WORK, LOST, moment + pause / 2, case) == case
        assert case.verdict(moment + pause) == "restart"
        case = case.started_again(moment + pause)
        assert case.verdict(moment + pause) == "wait"
        moment += pause + timedelta(minutes=1)
    case = case_of(WORK, LOST, moment, case)
    assert case.verdict(moment + timedelta(days=1)) == "stuck"
    assert case.restarts == len(PAUSES)
    assert "lost again and again" in advice(case)


def test_failure_that_was_listed_right_at_the_start_is_the_old_one() -> None:
    """Two supervisors may look at the same moment: the second must not count the same failure again."""
    case = case_of(WORK, LOST, NOW, None).started_again(NOW)
    assert case_of(WORK, LOST, _after(seconds=1), case) == case
    assert case_of(WORK, LOST, _after(seconds=6), case).verdict(_after(seconds=16)) == "restart"


def test_run_that_is_gone_is_started_again() -> None:
    """Somebody purged it, or the task hub is another one."""
    case = gone_case(WORK, NOW, None)
    assert (case.reason, case.verdict(NOW)) == (GONE, "restart")


def test_run_that_has_held_for_an_hour_begins_with_a_clean_sheet() -> None:
    """Ten losses over a month are no pattern."""
    case = case_of(WORK, LOST, NOW, None)
    assert not case.has_held(_after(days=1))
    assert case.started_again(NOW).has_held(NOW + RECOVERED_AFTER)


def test_case_is_the_same_after_it_was_stored() -> None:
    """Times keep their zone."""
    case = case_of(WORK, LOST, NOW, None).started_again(NOW)
    assert Case.model_validate_json(case.model_dump_json()) == case
