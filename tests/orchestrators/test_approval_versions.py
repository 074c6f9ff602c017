"""Approvals that were started in different versions of the workflow, under the code of today."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from invoicing.approval import names
from invoicing.records.approval_steps import TAKE_IN_DECISIONS
from orchestrators.approval import LOOKS_FOR_NOTHING, REST
from orchestrators.versions import since
from tests.app_versions import CURRENT
from tests.orchestrators.approval_kit import ANN, BOB, INVOICE, Office, clerk

APPROVAL = names.approval_id(INVOICE)


class Context:
    """What of a context a version is read from."""

    def __init__(self, version: str | None) -> None:
        self.version = version


@pytest.mark.parametrize(
    ("version", "of", "yes"),
    [
        ("1.1", "1.1", True),
        ("1.9", "1.10", True),
        ("1.1", "2.0", True),
        ("1.10", "1.9", False),
        ("1.1", "1.0", False),
        ("1.1", "", False),
        ("1.1", None, False),
    ],
)
def test_versions_compare_by_number(version: str, of: str | None, yes: bool) -> None:
    """An instance without a version is older than all."""
    assert since(version, Context(of)) is yes  # type: ignore[arg-type]


def _knock(office: Office, times: int) -> None:
    """Somebody raises the event of the wait that is armed, and has decided nothing."""
    for _ in range(times):
        status = office.status(APPROVAL).custom_status
        office.host.raise_event(APPROVAL, names.event("clerk", status["attempt"]))


def _looks(office: Office) -> int:
    return len(office.host.calls_of(TAKE_IN_DECISIONS.name))


def test_approval_that_is_woken_for_nothing_rests() -> None:
    """A flood of events costs a look in half a minute, and its history grows no faster."""
    with Office(clerk()).at_work() as office:
        office.bring()
        _knock(office, 20)
        assert _looks(office) == LOOKS_FOR_NOTHING
        office.host.advance(REST)
        assert _looks(office) == LOOKS_FOR_NOTHING + 1


def test_decision_that_comes_in_a_rest_is_taken_in_after_it() -> None:
    """The next wait is armed meanwhile, so its event is kept."""
    with Office(clerk()).at_work() as office:
        office.bring()
        _knock(office, LOOKS_FOR_NOTHING)
        office.decide(ANN, "approve")
        assert office.status().output is None
        office.host.advance(REST)
        assert office.status().output["status"] == "booked"


def test_decisions_that_bring_something_are_taken_in_at_once() -> None:
    """A look that found something begins the counting anew."""
    with Office(clerk(approvers=[ANN, BOB], quorum=2)).at_work() as office:
        office.bring()
        for who in (ANN, BOB):
            _knock(office, LOOKS_FOR_NOTHING - 1)
            office.decide(who, "approve")
        assert office.status().output["status"] == "booked"


def test_approval_of_the_version_before_goes_on_as_it_did() -> None:
    """It knows of no rest; a timer would not be in its history."""
    with Office(clerk(), default_version="1.0").at_work() as office:
        office.bring()
        _knock(office, 20)
        assert _looks(office) == 20
        assert office.status(APPROVAL).events.count("TimerCreated") >= 20, (
            "one for each wait, none for a rest"
        )
        office.decide(ANN, "approve")
        assert office.status().output["status"] == "booked"


def test_host_of_today_takes_an_approval_of_the_version_before_to_its_end(tmp_path: Path) -> None:
    """What is deployed while people are asked: the instance keeps its version, and ends well."""
    assert since("1.1", Context(CURRENT)), "the version that new instances get"  # type: ignore[arg-type]
    with Office(clerk(), default_version="1.0", state=tmp_path / "state.db").at_work() as office:
        office.bring()
        _knock(office, 15)
        office.host.restart(default_version=CURRENT)
        _knock(office, 15)
        office.host.advance(timedelta(hours=1))
        office.decide(ANN, "approve")
        assert office.status().output["status"] == "booked"
