"""What the API says of one invoice, at each point of its way."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from invoicing.findings import Finding
from invoicing.records.answers.invoices import InvoiceStatus
from invoicing.records.base import InvoiceId
from invoicing.records.document import DocumentRow, InvoiceSummary
from invoicing.records.invoice import InvoiceRecord
from triggers.invoice_view import view
from triggers.own_links import OwnLinks
from usecases.invoice_status import status_from
from usecases.run_status import run_status

RECORD = InvoiceRecord(
    id=InvoiceId("i" + "1" * 24),
    created=datetime(2026, 5, 1, 10, tzinfo=UTC),
    name="re-1.xml",
    size=12,
    sha256="ab" * 32,
    sender=None,
    fingerprint="secret of ours",
)
APPROVAL = "a" + "2" * 24
_ROW = {
    "n": 1,
    "name": "re-1.xml",
    "size": 12,
    "sha256": "ab" * 32,
    "kind": "cii",
    "profile": None,
    "en16931": True,
    "outcome": "valid",
    "claim": None,
}


def _status(runtime: Runtime, output: Any = None, custom: Any = None) -> Any:
    return SimpleNamespace(runtime_status=runtime, output=output, custom_status=custom)


def _seen(status: Any, row: DocumentRow | None = None) -> InvoiceStatus:
    return status_from(RECORD, run_status(status), row)


def _view(status: Any, row: DocumentRow | None = None, key: str | None = None) -> dict[str, Any]:
    """The answer about an invoice whose run has this status, and which was checked with this result."""
    own = [OwnLinks(f"https://settle.example/api/{name}", key) for name in ("invoices", "approvals")]
    return view(_seen(status, row), *own).as_plain()


def test_invoice_on_its_way_says_its_phase_and_its_approval() -> None:
    """From the custom status; the row is there as soon as it was checked."""
    custom = json.dumps({"phase": "approval", "approval": APPROVAL})
    found = Finding("X", "warning", "odd", None, "settle")
    row = DocumentRow.model_validate(_ROW | {"invoice": InvoiceSummary(number="1"), "findings": (found,)})
    body = _view(_status(Runtime.Running, custom=custom), row)
    assert (body["status"], body["phase"], body["approval"]) == ("running", "approval", APPROVAL)
    assert (body["invoice"]["number"], body["findings"]) == ("1", [asdict(found)])
    assert body["links"]["approval"] == f"https://settle.example/api/approvals/{APPROVAL}"
    assert "fingerprint" not in body


def test_invoice_that_waits_for_the_host_is_running() -> None:
    """Nothing is known of it yet."""
    body = _view(_status(Runtime.Pending))
    assert (body["status"], body["phase"], body["invoice"]) == ("running", "waiting", None)


@pytest.mark.parametrize("status", ["booked", "rejected", "duplicate", "failed"])
def test_invoice_that_has_ended_says_how(status: str) -> None:
    """With what was undone, and the error where there is one."""
    output = {"status": status, "undone": ["claim"], "by": "ann@example.com", "holder": "b1/2"}
    output |= {"error": {"code": "x", "message": "y"}} if status == "failed" else {}
    body = _view(_status(Runtime.Completed, output))
    assert body["status"] == status
    assert _seen(_status(Runtime.Completed, output)).has_ended
    assert (body["undone"], body["by"], body["holder"]) == (["claim"], "ann@example.com", "b1/2")
    assert body["error"] == output.get("error")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (_status(Runtime.Failed, "Boom: it broke\n at line 7"), ("failed", "Boom: it broke")),
        (_status(Runtime.Failed), ("failed", "The invoice could not be processed; the log has the details.")),
    ],
)
def test_workflow_that_broke_tells_the_first_line(status: Any, expected: tuple[str, str]) -> None:
    """Not the stack."""
    body = _view(status)
    assert (body["status"], body["error"]["message"]) == expected


def test_terminated_and_missing_ones_are_told_apart() -> None:
    """A missing one was never started, so it may be sent again."""
    assert _view(_status(Runtime.Terminated, "why"))["status"] == "stopped"
    assert _view(None)["status"] == "missing"


def test_links_keep_the_callers_key() -> None:
    """Escaped."""
    body = _view(_status(Runtime.Completed, {"status": "booked", "approval": APPROVAL}), key="a&b")
    assert body["links"]["self"].endswith("?code=a%26b")
    assert body["links"]["approval"].endswith("?code=a%26b")
