"""Documents of a batch wait for their goods, each by itself, and are routed afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.ledger_audit import Audit
from invoicing.approval import names
from invoicing.archive import Entry
from invoicing.batching import pack
from invoicing.records.base import Reference
from invoicing.records.batch import Manifest
from invoicing.records.batch_approvals_steps import BATCH_DOCUMENT, DocumentJob
from invoicing.records.route import late_pack
from invoicing.records.supervision import OpenWork
from stores import batch_names, goods, supervised
from stores.batches import BatchStore
from stores.orders import OrderStore
from stores.routes import RouteStore
from tests.fakes.ledger_keys import LEDGER_KEYS
from tests.orchestrators.approval_kit import ANN, SUE, sha256
from tests.orchestrators.goods_kit import BILL, Dock
from tests.orchestrators.test_batch_approvals import BATCH, _row
from usecases import book_pack as pack_booking

MONITOR = f"{BATCH}-approvals"


def begin(here: Dock, *texts: str) -> None:
    """A batch that was claimed, with a document for each text, and its approvals."""
    entries = [Entry(f"{n}.xml", text.encode(), len(text)) for n, text in enumerate(texts, start=1)]
    for chunk in pack(entries):
        here.blobs.write(batch_names.source(BATCH, chunk.index), chunk.data)
    rows = [_document(n, text) for n, text in enumerate(texts, start=1)]
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    here.blobs.write(batch_names.rows(BATCH), lines)
    BatchStore(here.blobs).divide(BATCH, Manifest(lasts=(len(texts),)))
    claims = "".join(f"{n:032x} {BATCH}/{n}\n" for n in range(1, len(texts) + 1))
    here.blobs.write(batch_names.claim_shard(0), claims.encode())
    here.host.start("batch_approvals", {"batch": BATCH, "sender": SUE}, instance_id=MONITOR)
    here.deliver()


def _document(n: int, text: str) -> dict[str, Any]:
    words = text.split()
    order = next((word.partition(":")[2] for word in words if word.startswith("order:")), None)
    invoice = {"number": f"R{n}", "seller": "ACME", "payable": "60.00", "currency": "EUR"}
    checked = {"outcome": "valid", "findings": [], "sha256": sha256(text)}
    return _row(n) | checked | {"invoice": invoice | {"order_reference": order}}


def test_documents_with_an_order_wait_and_the_others_do_not() -> None:
    """Whose goods match needs nobody, and is booked by itself; the batch ends when all are settled."""
    with Dock().at_work() as here:
        here.order()
        begin(here, BILL, "valid ACME 18 60.00")
        assert [one["ref"] for one in here.payables()] == [f"{BATCH}/2"]
        assert here.phase(f"{BATCH}-1") == "goods"
        here.goods("a", ("1", 10), ("2", 4))
        assert here.host.status(f"{BATCH}-1").output["status"] == "booked"
        assert RouteStore(here.blobs, BATCH).pack(late_pack(1)) is not None
        assert here.host.finish(MONITOR).output == {"status": "completed", "counts": {"booked": 2}}
        assert {one["ref"] for one in here.payables()} == {f"{BATCH}/1", f"{BATCH}/2"}
        audit = Audit(here.blobs, LEDGER_KEYS, wait=lambda seconds: None)
        proofs = {proof.ledger: proof.flaw for proof in audit.proofs()}
        assert proofs == {f"{BATCH}-00000": None, f"{BATCH}-1000001": None}
        assert audit.strays == []


def test_document_that_does_not_match_goes_to_a_person() -> None:
    """A rejected one gives back its claim and what it bills."""
    with Dock().at_work() as here:
        order = here.order()
        begin(here, BILL, BILL)
        here.goods("a", ("1", 10), ("2", 4))
        first, second = (goods.state_of(here.blobs, f"{BATCH}/{n}") for n in (1, 2))
        assert first is not None
        assert second is not None
        assert sorted(str(state.ended) for state in (first, second)) == ["matched", "mismatch"]
        n = 1 if first.ended == "mismatch" else 2
        here.deliver()
        here.decide(ANN, "reject", names.approval_id(f"{BATCH}/{n}"), comment="twice")
        output = here.host.status(f"{BATCH}-{n}").output
        assert (output["status"], output["undone"]) == ("rejected", ["goods", "claim"])
        withdrawn = [one.withdrawn for one in OrderStore(here.blobs).billings(order.id)]
        assert sorted(withdrawn) == [False, True]
        counts = here.host.finish(MONITOR).output["counts"]
        assert counts == {"booked": 1, "rejected": 1}


def test_document_whose_run_was_lost_goes_on_from_what_is_stored() -> None:
    """Its wait is ended, and begun again; nothing that came is lost."""
    with Dock().at_work() as here:
        here.order()
        begin(here, BILL)
        instance = f"{BATCH}-1"
        here.goods("a", ("1", 10))
        _lose(here, instance, DocumentJob(ref=Reference(f"{BATCH}/1"), approval=None, goods="PO-1"))
        assert here.phase(instance) == "goods"
        here.goods("b", ("2", 4))
        assert here.host.status(instance).output["status"] == "booked"


def test_document_that_was_lost_while_people_decide_finds_its_approval() -> None:
    """The route that followed the wait is stored."""
    with Dock().at_work() as here:
        here.order()
        here.goods("a", ("1", 9), ("2", 4), complete=True)
        begin(here, BILL)
        instance = f"{BATCH}-1"
        assert here.phase(instance) == "approval"
        _lose(here, instance, DocumentJob(ref=Reference(f"{BATCH}/1"), approval=None, goods="PO-1"))
        assert here.phase(instance) == "approval"
        here.decide(ANN, "approve", names.approval_id(f"{BATCH}/1"))
        assert here.host.status(instance).output["status"] == "booked"


def test_document_whose_booking_gives_up_is_not_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been written: it is taken back before its number is free, and the ledger says so."""
    book = pack_booking.book_payables

    def broken(*given: Any) -> Any:
        book(*given)
        raise KeyError("x")

    monkeypatch.setattr(pack_booking, "book_payables", broken)
    with Dock().at_work() as here:
        here.order()
        begin(here, BILL)
        here.goods("a", ("1", 10), ("2", 4))
        here.host.advance(minutes=1)
        output = here.host.status(f"{BATCH}-1").output
        assert (output["status"], output["undone"]) == ("failed", ["payable", "goods", "claim"])
        assert here.payables() == []
        audit = Audit(here.blobs, LEDGER_KEYS, wait=lambda seconds: None)
        assert {proof.ledger: proof.flaw for proof in audit.proofs()} == {f"{BATCH}-1000001": None}
        assert audit.strays == []


def _lose(here: Dock, instance: str, job: DocumentJob) -> None:
    """Somebody purges the run from the task hub; the supervisor comes by."""
    work = OpenWork(
        instance=instance, orchestrator=BATCH_DOCUMENT.name, input=BATCH_DOCUMENT.written_input(job)
    )
    supervised.note(here.blobs, work)
    here.host.terminate(instance)
    here.host.purge(instance)
    for _ in range(4):
        here.supervise(gone=True)
        here.host.advance(seconds=30)
