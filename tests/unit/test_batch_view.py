"""What the API says of a batch."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from stores.intake_records import BatchRecord, BatchSource
from triggers.batch_view import is_checking, links, state_of, view

RECORD = BatchRecord(
    "b1", datetime(2026, 5, 1, 10, tzinfo=UTC), "0" * 64, BatchSource("upload", "may.zip", 9)
)
BASE = "https://host/api/batches"


def _status(runtime: Runtime, output: Any = None, custom: Any = None) -> SimpleNamespace:
    return SimpleNamespace(runtime_status=runtime, output=output, custom_status=custom)


def test_running_batch_shows_the_further_of_status_and_results() -> None:
    """The custom status is written now and then, the results are counted at each look."""
    custom = {"phase": "checking", "done": 50, "total": 200, "counts": {"valid": 50}}
    body = view(RECORD, _status(Runtime.Running, None, custom), BASE, {"valid": 90, "invalid": 10})
    assert (body["status"], body["phase"], body["done"], body["total"]) == ("running", "checking", 100, 200)
    assert body["counts"] == {"valid": 90, "invalid": 10}
    assert set(body["links"]) == {"self"}
    assert view(RECORD, _status(Runtime.Running, None, custom), BASE, {"valid": 10})["done"] == 50


def test_completed_batch_has_its_counts_and_reports() -> None:
    """Whether the SDK gives the output as text or as a value."""
    output = {"status": "completed", "total": 3, "counts": {"valid": 2, "duplicate": 1}}
    for given in (output, json.dumps(output)):
        body = view(RECORD, _status(Runtime.Completed, given, {"phase": "done"}), BASE, None)
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
        (_status(Runtime.Failed, "Orchestrator function 'batch' failed: x"), "failed"),
        (_status(Runtime.Terminated), "stopped"),
        (_status(Runtime.Canceled), "stopped"),
    ],
)
def test_state_follows_the_instance(status: Any, state: str) -> None:
    """One word for what the durable instance is in."""
    assert state_of(status) == state


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
    assert is_checking(_status(runtime, None, custom)) is expected
    assert not is_checking(None)


def test_failed_batch_says_why() -> None:
    """The orchestration's own error, or the first line of the host's text."""
    output = {"status": "failed", "error": {"code": "empty_batch", "message": "nothing there"}}
    assert view(RECORD, _status(Runtime.Completed, output), BASE, None)["error"]["code"] == "empty_batch"
    crashed = view(RECORD, _status(Runtime.Failed, "it broke\nstack"), BASE, None)["error"]
    assert crashed == {"code": "orchestration_failed", "message": "it broke"}


def test_links_carry_the_callers_function_key() -> None:
    """A caller that gave its key in the query gets links that work; nobody gets another key."""
    found = links(BASE, "b1", "completed", "k=&y")
    assert found["self"] == f"{BASE}/b1?code=k%3D%26y"
    assert found["report_csv"] == f"{BASE}/b1/report?format=csv&code=k%3D%26y"
    assert found["documents"] == f"{BASE}/b1/documents/{{n}}?code=k%3D%26y"
