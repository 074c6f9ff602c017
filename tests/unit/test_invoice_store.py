"""What is stored of an invoice that came alone, of payables, and of the accounts of suppliers."""

from __future__ import annotations

import hashlib

import pytest

from invoicing.approval.payables import free_payable
from invoicing.records.base import InvoiceId, Reference
from invoicing.records.document import DocumentRow
from invoicing.records.invoice import InvoiceRecord
from invoicing.records.payable import Payable
from invoicing.records.route import InvoiceRoute
from stores.blobs import BlobConflict, BlobMissing
from stores.invoices import InvoiceStore, row_name
from stores.payables import PayableStore, payable_name, reference_of_payable
from stores.records import RecordDamaged
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.approvals_on_paper import NOON
from tests.unit.report_rows import row

INVOICE = InvoiceId("i" + "1" * 24)
ROW = DocumentRow.model_validate(row())


def _record(name: str = "re-1.xml") -> InvoiceRecord:
    return InvoiceRecord(
        id=INVOICE, created=NOON, name=name, size=9, sha256="ab" * 32, sender=None, fingerprint="f"
    )


def _payable(rule: str = "small") -> Payable:
    return free_payable(Reference(INVOICE), ROW, rule, NOON)


def test_what_is_kept_of_an_invoice_is_found() -> None:
    """Record, document, row and route, each as it was."""
    store = InvoiceStore(MemoryBlobs())
    route = InvoiceRoute(outcome="ok", rule="small", run="1")
    store.create(_record())
    store.put_document(INVOICE, b"<Invoice/>")
    store.put_row(INVOICE, ROW)
    store.put_route(INVOICE, route)
    assert (store.record(INVOICE), store.document(INVOICE)) == (_record(), b"<Invoice/>")
    assert (store.row(INVOICE), store.route(INVOICE)) == (ROW, route)


def test_invoice_that_is_not_there_is_told_apart_from_one_that_is_not_checked() -> None:
    """A record is missed; a row and a route are still to come."""
    store = InvoiceStore(MemoryBlobs())
    with pytest.raises(BlobMissing):
        store.record(INVOICE)
    assert (store.row(INVOICE), store.route(INVOICE)) == (None, None)


def test_invoice_is_taken_in_once() -> None:
    """Of two equal requests one is second."""
    store = InvoiceStore(MemoryBlobs())
    store.create(_record())
    with pytest.raises(BlobConflict):
        store.create(_record("other.xml"))
    assert store.record(INVOICE).name == "re-1.xml"


def test_damaged_row_is_named_without_what_is_in_it() -> None:
    """Whoever reads the log learns which blob it is, and no more."""
    blobs = MemoryBlobs()
    blobs.write(row_name(INVOICE), b'{"n": "secret"}')
    with pytest.raises(RecordDamaged, match=row_name(INVOICE)) as damaged:
        InvoiceStore(blobs).row(INVOICE)
    assert "secret" not in str(damaged.value)


def test_payable_is_never_written_over_another() -> None:
    """What is there stays; it stands where the ledger has entered it."""
    blobs = MemoryBlobs()
    store = PayableStore(blobs)
    first = hashlib.sha256(_payable().as_json()).hexdigest()
    assert store.put(_payable(), ()) == first
    assert store.put(_payable("another rule"), {first}) == first
    assert store.put(_payable("another rule"), ()) is None
    assert store.payable(INVOICE) == _payable()
    store.remove(INVOICE)
    assert store.payable(INVOICE) is None


@pytest.mark.parametrize("reference", [INVOICE, "b" + "2" * 24 + "/17"])
def test_name_of_a_payable_says_whose_it_is(reference: str) -> None:
    """The way back, for who lists them."""
    assert reference_of_payable(payable_name(reference)) == reference


@pytest.mark.parametrize("name", ["payables/x.json", f"payables/{INVOICE}-1.json", "payables/b1.json"])
def test_name_that_is_none_of_ours_is_of_no_invoice(name: str) -> None:
    """Somebody put it there."""
    assert reference_of_payable(name) is None
