"""The status of an invoice that moves on while somebody reads it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters.services import Services
from invoicing.records.base import InvoiceId
from invoicing.records.document import DocumentRow
from invoicing.records.invoice import InvoiceRecord
from stores.invoices import InvoiceStore
from tests.unit.page_requests import Client, handler, local_run, status
from tests.unit.report_rows import finding, row
from triggers import invoices

REF = InvoiceId("i" + "1" * 24)
FINDING = finding("SETTLE-NOT-INVOICE", "fatal", "It is a letter.", "file")


class EndingClient(Client):
    """A client whose run is checked and ends in the moment in which its status is asked for."""

    def __init__(self, here: Services) -> None:
        output = {"status": "unreadable", "undone": []}
        super().__init__(status(REF, name="process_invoice", runtime_status=Runtime.Completed, output=output))
        self._blobs = here.blobs

    async def get_status(self, instance_id: str, *_: Any, **__: Any) -> Any:
        found = row(invoice=None, outcome="unreadable", findings=[FINDING])
        InvoiceStore(self._blobs).put_row(REF, DocumentRow.model_validate(found))
        return await super().get_status(instance_id)


async def test_an_end_is_never_told_without_the_findings_that_explain_it() -> None:
    """The check ends between the two reads of the handler."""
    with local_run() as here:
        record = InvoiceRecord(
            id=REF,
            created=datetime.now(UTC),
            name="b.xml",
            size=9,
            sha256="ab" * 32,
            sender=None,
            fingerprint="ab" * 32,
        )
        InvoiceStore(here.blobs).create(record)
        request = func.HttpRequest(
            "GET", f"http://localhost:7071/api/invoices/{REF}", route_params={"id": REF}, params={}, body=b""
        )
        answer = await handler(invoices.get_invoice)(request, client=EndingClient(here))
    told = json.loads(answer.get_body())
    assert (answer.status_code, told["status"]) == (200, "unreadable")
    assert told["findings"] == [FINDING]
