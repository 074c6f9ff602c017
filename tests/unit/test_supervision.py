"""What the supervisor decides about a run that failed or is gone."""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime, timedelta

from invoicing import supervision
from invoicing.records.supervision import Case, FailedRun, OpenWork
from invoicing.supervision import (
    GONE,
    PAUSES,
    RECOVERED_AFTER,
    advice,
    case_of,
    gone_case,
    has_held,
    kind,
    parts_of,
    started_again,
    state,
    verdict,
    wanted_again,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORK = OpenWork(instance="i1", orchestrator="process_invoice", input={"invoice": "i1"})
LOST_TEXT = "Orchestrator function 'process_invoice' failed: python3 exited with code 137 (0x89) \n {details}"
FAULT_TEXT = "Orchestrator function 'process_invoice' failed: KeyError: 'approval'"
LOST = FailedRun(work=WORK, failure=LOST_TEXT)
FAULT = FailedRun(work=WORK, failure=FAULT_TEXT)


def _after(**time: float) -> datetime:
    return NOW + timedelta(**time)


def test_lost_run_is_started_again_at_once_the_first_time() -> None:
    """A new worker process is there in seconds; the reason is the first line of the failure."""
    case = case_of(LOST, NOW, None)
    assert verdict(case, NOW) == "restart"
    assert (
        case.reason == "Orchestrator function 'process_invoice' failed: python3 exited with code 137 (0x89)"
    )


def test_run_that_failed_of_itself_is_stuck() -> None:
    """Starting it again would only fail again."""
    case = case_of(FAULT, NOW, None)
    assert verdict(case, _after(days=30)) == "stuck"
    assert "mend the cause" in advice(case)


def test_run_that_is_lost_again_waits_longer_each_time_and_is_stuck_at_last() -> None:
    """The pauses grow; each begins when the failure was seen, not when it is looked at again."""
    case = None
    moment = NOW
    for pause in PAUSES:
        case = case_of(LOST, moment, case)
        assert verdict(case, moment + pause - timedelta(seconds=1)) == "wait" or not pause
        assert case_of(LOST, moment + pause / 2, case) == case
        assert verdict(case, moment + pause) == "restart"
        case = started_again(case, moment + pause)
        assert verdict(case, moment + pause) == "wait"
        moment += pause + timedelta(minutes=1)
    case = case_of(LOST, moment, case)
    assert verdict(case, moment + timedelta(days=1)) == "stuck"
    assert case.restarts == len(PAUSES)
    assert "lost again and again" in advice(case)


def test_failure_that_was_listed_right_at_the_start_is_the_old_one() -> None:
    """Two supervisors may look at the same moment: the second must not count the same failure again."""
    case = started_again(case_of(LOST, NOW, None), NOW)
    assert case_of(LOST, _after(seconds=1), case) == case
    assert verdict(case_of(LOST, _after(seconds=6), case), _after(seconds=16)) == "restart"


def test_log_has_the_kind_of_a_failure_and_none_of_its_words() -> None:
    """The words may quote an invoice."""
    nested = FailedRun(
        work=WORK,
        failure="Orchestrator function 'x' failed: Activity function 'y' failed: ValueError: DE89 3704",
    )
    nameless = FailedRun(work=WORK, failure="Orchestrator function 'process_invoice' failed: Anna Roth")
    assert kind(case_of(FAULT, NOW, None)) == "KeyError"
    assert kind(case_of(nested, NOW, None)) == "ValueError"
    assert kind(case_of(nameless, NOW, None)) == "failed"
    assert kind(case_of(LOST, NOW, None)) == "lost"
    assert kind(gone_case(WORK, NOW, None)) == "lost"


def test_run_that_is_gone_is_started_again() -> None:
    """Somebody purged it, or the task hub is another one."""
    case = gone_case(WORK, NOW, None)
    assert (case.reason, verdict(case, NOW)) == (GONE, "restart")


def test_run_that_has_held_for_an_hour_begins_with_a_clean_sheet() -> None:
    """Ten losses over a month are no pattern."""
    case = case_of(LOST, NOW, None)
    assert not has_held(case, _after(days=1))
    assert has_held(started_again(case, NOW), NOW + RECOVERED_AFTER)


def test_case_is_the_same_after_it_was_stored() -> None:
    """Times keep their zone."""
    case = started_again(case_of(LOST, NOW, None), NOW)
    assert Case.model_validate_json(case.model_dump_json()) == case


def test_person_can_ask_for_a_start_whatever_the_case_is() -> None:
    """A stuck one too; once it is started, what was asked for is done."""
    stuck = case_of(FAULT, NOW, None)
    assert state(stuck) == "stuck"
    wanted = wanted_again(stuck, _after(minutes=1))
    assert state(wanted) == "waiting"
    assert verdict(wanted, _after(minutes=1)) == "restart"
    assert state(case_of(FAULT, _after(minutes=2), wanted)) == "waiting"
    assert started_again(wanted, _after(minutes=2)).wanted is None


def test_parts_of_a_run_may_go_on_without_it() -> None:
    """An invoice calls its approval; a batch calls its approvals where it waits for them."""
    assert parts_of(WORK, "a1") == ("i1-goods", "a1")
    assert parts_of(WORK, None) == ("i1-goods",)
    waits = OpenWork(instance="b1", orchestrator="process_batch", input={"wait": True})
    assert parts_of(waits, None) == ("b1-approvals",)
    assert parts_of(waits.model_copy(update={"input": {}}), None) == ()


def test_every_step_that_is_named_as_a_root_is_one() -> None:
    """Each is named once: of two lists that were merged into one, a part would be lost without a word."""
    source = inspect.getsource(supervision).partition("ROOTS = ")[2].partition("\n)\n")[0]
    named = re.findall(r"\b[A-Z][A-Z_]+\b", source)
    assert sorted(getattr(supervision, name).name for name in named) == sorted(supervision.ROOTS)
