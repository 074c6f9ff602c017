"""The page of runs names those that need a look, why, and what can be done."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

from invoicing.records.supervision import Case, FailedRun, OpenWork
from invoicing.supervision import PAUSES, case_of, started_again
from web.rendering import render
from web.views.cases import CaseLine

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
WORK = OpenWork(instance="i" + "1" * 24, orchestrator="batch_document", input={})
LOST = "Orchestrator function 'batch_document' failed: python3 exited with code 137 (0x89)"
RUN = FailedRun(work=WORK, failure=LOST)


def shown(*cases: Case) -> str:
    """The page with these cases."""
    frame = {
        "path": "/runs",
        "person": "ann@example.com",
        "via": "dev",
        "csrf": "token",
        "csrf_field": "csrf",
        "development": True,
        "outbox": True,
    }
    wanted = SimpleNamespace(status="", name="", id="", parts=False, narrows=False)
    return render(
        "runs.html",
        page=frame,
        cases=[CaseLine.of(case) for case in cases],
        again=False,
        runs=[],
        older=None,
        complete=True,
        wanted=wanted,
        statuses=[],
        now=NOW,
    )


def test_stuck_run_has_its_reason_and_a_button() -> None:
    """Somebody who looks at the page can start it again."""
    stuck = case_of(RUN, NOW, None).model_copy(update={"restarts": len(PAUSES)})
    page = shown(stuck)
    assert "Runs that need a look" in page
    assert "stuck" in page
    assert "python3 exited with code 137" in page
    assert f'action="/runs/{WORK.instance}/restart"' in page


def test_run_that_was_started_again_has_no_button() -> None:
    """It runs: starting it once more would do nothing."""
    page = shown(started_again(case_of(RUN, NOW, None), NOW))
    assert "running again" in page
    assert "/restart" not in page


def test_page_without_cases_says_nothing_of_them() -> None:
    """Most days."""
    assert "Runs that need a look" not in shown()
