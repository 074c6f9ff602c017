"""What the API says of a batch."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from invoicing.records.base import BatchId
from invoicing.records.batch import BatchRecord, BatchSource, Counts
from triggers.batch_view import links, view
from triggers.own_links import OwnLinks
from usecases.batch_status import is_checking, status_from
from usecases.run_status import run_status

RECORD = BatchRecord(
    BatchId("b1"), datetime(2026, 5, 1, 10, tzinfo=UTC), "0" * 64, BatchSource("upload", "may.zip", 9)
)
BASE = "https://host/api/batches"


def _status(runtime: Runtime, output: Any = None, custom: Any = None) -> SimpleNamespace:
    return SimpleNamespace(runtime_status=runtime, output=output, custom_status=custom)


def _view(status: Any, progress: Counts | None = None) -> dict[str, Any]:
    """The answer about a batch whose run has this status."""
    return view(status_from(RECORD, run_status(status), progress or {}), OwnLinks(BASE, None)).as_plain()


def test_running_batch_shows_the_further_of_status_and_results() -> None:
    """The custom status is written now and then, the results are counted at each look."""
    custom = {"phase": "checking", "done": 50, "total": 200, "counts": {"valid": 50}}
    body = _view(_status(Runtime.Running, None, custom), {"valid": 90, "invalid": 10})
    assert (body["status"], body["phase"], body["done"], body["total"]) == ("running", "checking", 100, 200)
    assert body["counts"] == {"valid": 90, "invalid": 10}
    assert set(body["links"]) == {"self"}
    assert _view(_status(Runtime.Running, None, custom), {"valid": 10})["done"] == 50


def test_completed_batch_has_its_counts_and_reports() -> None:
    """Whether the SDK gives the output as text or as a value."""
    output = {"status": "completed", "total": 3, "counts": {"valid": 2, "duplicate": 1}}
    for given in (output, json.dumps(output)):
        body = _view(_status(Runtime.Completed, given, {"phase": "done"}))
        assert (body["status"], body["phase"], body["done"], body["total"]) == (
            "completed",
            "completed",
            3,
            3,
        )
        assert body["links"]["report_html"] == f"{BASE}/b1/report?format=html"
        assert body["error"] is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (None, "missing"),
        (_status(Runtime.Pending), "running"),
        (_status(Runtime.Suspended), "running"),
        (_status(Runtime.Completed, {"status": "stopped"}), "stopped"),
        (_status(Runtime.Completed, {"status": "failed"}), "failed"),
        (_status(Runtime.Failed, "Orchestrator function 'process_batch' failed: x"), "failed"),
        (_status(Runtime.Terminated), "stopped"),
        (_status(Runtime.Canceled), "stopped"),
    ],
)
def test_state_follows_the_instance(status: Any, state: str) -> None:
    """One word for what the durable instance is in."""
    assert run_status(status).state == state


@pytest.mark.parametrize(
    ("runtime", "custom", "expected"),
    [
        (Runtime.Running, {"phase": "checking"}, True),
        (Runtime.Running, json.dumps({"phase": "checking"}), True),
        (Runtime.Running, {"phase": "claiming"}, False),
        (Runtime.Pending, None, False),
        (Runtime.Terminated, {"phase": "checking"}, False),
    ],
)
def test_results_are_counted_while_documents_are_checked(
    runtime: Runtime, custom: Any, expected: bool
) -> None:
    """Before and after, the run's own word is enough."""
    assert is_checking(run_status(_status(runtime, None, custom))) is expected
    assert not is_checking(run_status(None))


def test_failed_batch_says_why() -> None:
    """The orchestration's own error, or the first line of the host's text."""
    output = {"status": "failed", "error": {"code": "empty_batch", "message": "nothing there"}}
    assert _view(_status(Runtime.Completed, output))["error"]["code"] == "empty_batch"
    crashed = _view(_status(Runtime.Failed, "it broke\nstack"))["error"]
    assert crashed == {"code": "orchestration_failed", "message": "it broke"}


def test_links_carry_the_callers_function_key() -> None:
    """A caller that gave its key in the query gets links that work; nobody gets another key."""
    found = links(OwnLinks(BASE, "k=&y"), "b1", "completed")
    assert found["self"] == f"{BASE}/b1?code=k%3D%26y"
    assert found["report_csv"] == f"{BASE}/b1/report?format=csv&code=k%3D%26y"
    assert found["documents"] == f"{BASE}/b1/documents/{{n}}?code=k%3D%26y"
