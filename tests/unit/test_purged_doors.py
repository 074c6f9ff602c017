"""What is answered for what was purged: 410 with the archive's name, never 404, 500, or a second run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters import services
from invoicing.approval import names
from invoicing.records.retention import PurgeCounts, Tombstone
from invoicing.records.supervision import OpenWork
from stores import batch_names, supervised, tombstones
from stores.invoices import InvoiceStore, document_name
from tests.unit.old_things import LATER, OldThings
from tests.unit.page_requests import get as get_page
from tests.unit.page_requests import local_run, text
from tests.unit.test_described_answers import Api
from triggers import approvals, batches, invoices, pages_approval, pages_batches
from usecases.archived import refuse_while_purged
from usecases.refusals import Gone, NotNow


def purged() -> tuple[Api, str, str]:
    """An API whose storage had a batch and an invoice that were purged."""
    here = OldThings()
    batch, invoice = here.batch(1), here.invoice(3)
    here.now = LATER
    assert here.run().counts.batches == 1
    used = services.current()
    used.blobs.stored.update(here.blobs.stored)  # pyright: ignore[reportAttributeAccessIssue]
    return Api(used), batch, invoice


async def test_api_says_that_it_is_in_the_archive() -> None:
    """Each door that leads to it."""
    with local_run():
        api, batch, invoice = purged()
        approval = names.approval_id(invoice)
        asked = [
            await api.call(batches.get_batch, id=batch),
            await api.call(batches.stop_batch, id=batch),
            await api.call(batches.get_report, id=batch),
            await api.call(batches.get_document, id=batch, n="1"),
            await api.call(invoices.get_invoice, id=invoice),
            await api.call(approvals.get_approval_document, id=approval),
        ]
        for answer in asked:
            error = json.loads(answer.get_body())["error"]
            assert (answer.status_code, error["code"]) == (410, "archived")
            assert error["detail"]["archive"] in error["message"]
            assert error["detail"]["archive"].startswith(("archive/" + batch, "archive/" + invoice))
        # Its ledger stays, and can be looked at.
        assert (await api.call(approvals.get_approval, id=approval)).status_code == 200
        listed = json.loads((await api.call(batches.list_batches)).get_body())
        assert (listed["batches"], listed["damaged"]) == ([], [])


async def test_pages_say_so_in_words() -> None:
    """With a title that fits."""
    with local_run():
        api, batch, invoice = purged()
        answer = await get_page(pages_batches.page_batch, f"/batches/{batch}", client=api.hub)
        assert answer.status_code == 410
        assert "This is in the archive" in text(answer)
        assert f"archive/{batch}/record-" in text(answer)
        shown = await get_page(pages_approval.page_approval, f"/approvals/{names.approval_id(invoice)}")
        assert shown.status_code == 200
        assert f"archive/{invoice}/record-" in text(shown)


async def test_equal_request_after_years_is_not_taken_in_again() -> None:
    """It would be booked twice: its claims are its own."""
    with local_run() as used:
        api = Api(used)
        sent = await api.batch(), await api.invoice()
        for thing, kind in zip(sent, ("batch", "invoice"), strict=True):
            stone = Tombstone(
                id=thing,
                kind=kind,
                part="all",
                stage="purged",
                at=LATER,
                created=LATER,
                record=None,
                container="c",
                window="r.1",
                counts=PurgeCounts(),
            )
            tombstones.put(used.blobs, stone)
            used.blobs.delete(batch_names.record(thing))
        api.hub.statuses.clear()
        for door, body, media_type in (
            (batches.start_batch, _zip(), "application/zip"),
            (invoices.start_invoice, b"<Invoice/>", "application/xml"),
        ):
            answer = await api.call(door, body=body, kind=media_type)
            assert answer.status_code == 410, answer.get_body()
        assert api.hub.statuses == {}
        assert not used.blobs.exists(batch_names.record(sent[0]))


def _zip() -> bytes:
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.xml"), b"<Invoice/>")
    return buffer.getvalue()


def test_a_thing_that_is_begun_anew_while_it_is_purged_is_refused() -> None:
    """Whoever begins it notes that first and looks for the tombstone then."""
    here = OldThings(SETTLE_KEEP_DOCUMENTS_DAYS="30")
    batch = here.batch(1)
    here.now += timedelta(days=60)
    here.run()
    alone = tombstones.of(here.blobs, batch, "documents")
    assert alone is not None
    refuse_while_purged(here.blobs, batch)
    tombstones.put(here.blobs, alone.model_copy(update={"stage": "deleting"}))
    with pytest.raises(NotNow):
        refuse_while_purged(here.blobs, batch)
    tombstones.put(here.blobs, alone.model_copy(update={"part": "all"}))
    with pytest.raises(Gone):
        refuse_while_purged(here.blobs, batch)


def test_work_that_is_noted_at_the_last_moment_calls_the_purge_off() -> None:
    """The other side of it."""
    here = OldThings()
    batch = here.batch(1)
    here.now = LATER

    def begin_meanwhile(verb: str, name: str) -> None:
        if (verb, name) == ("write", f"purged/{batch}.json"):
            work = OpenWork(instance=batch, orchestrator="process_batch", input={})
            here.blobs.stored[f"open/{batch}.json"] = (work.as_json(), '"w"', {})

    here.blobs.fails = begin_meanwhile
    assert here.run().kept == {"run": 1}
    here.blobs.come_back()
    assert here.blobs.exists(batch_names.record(batch))
    supervised.forget(here.blobs, batch)
    assert here.run(id="r2").counts.batches == 1


async def test_documents_that_were_purged_alone_are_told_as_gone() -> None:
    """Everything else of the batch and of the invoice is there."""
    here = OldThings(SETTLE_KEEP_DOCUMENTS_DAYS="30", SETTLE_ARCHIVE_DOCUMENTS="true")
    batch, invoice = here.batch(1), here.invoice(3)
    here.now = LATER - timedelta(days=1000)
    here.run()
    with local_run() as used:
        used.blobs.stored.update(here.blobs.stored)  # pyright: ignore[reportAttributeAccessIssue]
        api = Api(replace(used))
        answer = await api.call(batches.get_document, id=batch, n="1")
        assert answer.status_code == 410
        assert "documents of the batch" in json.loads(answer.get_body())["error"]["message"]
        assert (await api.call(batches.get_batch, id=batch)).status_code in (200, 202)
        shown = await get_page(pages_approval.page_approval, f"/approvals/{names.approval_id(invoice)}")
        assert "The documents of the invoice" in text(shown)
        assert InvoiceStore(used.blobs).record(invoice).id == invoice
        assert not used.blobs.exists(document_name(invoice))
