"""What is played for the histories: each workflow, left at each kind of wait, and at its ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from devhost.testing import in_turn
from invoicing.approval import names
from stores.blobs import StorageUnavailable
from tests.histories.kept import Keep, Recorded, of_batch, of_office
from tests.orchestrators import test_batch_approvals as some_batch
from tests.orchestrators.approval_kit import ANN, BOB, CARLA, INVOICE, SUE, Office, clerk, manager
from tests.orchestrators.test_batch import AWAY, Work

APPROVAL = names.approval_id(INVOICE)
REMINDED = clerk(remind_after="P1D", remind_every="P3D", escalate_after="P6D", escalate_to=[CARLA])


def scenes(version: str) -> Iterator[Recorded]:
    """All histories of instances that are started with a version, by file name."""
    yield from _batches(version)
    yield from _approvals(version)
    yield from _invoices(version)
    yield from _approvals_of_batches(version)
    yield from _messages(version)


# ---------------------------------------------------------------- batches, with stand-ins for their steps


def _batches(version: str) -> Iterator[Recorded]:
    yield of_batch(
        version,
        Work(3).activities(),
        {
            "process_batch": "batch-finished",
            "batch_window": "window-finished",
            "batch_chunk": "chunk-finished",
            "batch_report": "report-finished",
            "shown": "batch-finished-as-shown",
        },
    )
    poisoned = Work(3, frozenset({7})).activities()
    yield of_batch(version, poisoned, {"process_batch": "batch-poisoned", "batch_chunk": "chunk-halved"})

    stopped = Work(2).activities(check_chunk={"outcome": "stopped", "counts": {}})
    yield of_batch(version, stopped, {"process_batch": "batch-stopped", "batch_chunk": "chunk-stopped"})

    outage = in_turn(*[AWAY] * 5, {"outcome": "ok", "counts": {"valid": 10}})
    yield of_batch(
        version,
        Work(1).activities(check_chunk=outage),
        {"process_batch": "batch-outage-running", "batch_chunk": "chunk-outage-running"},
        until=lambda host: host.advance(timedelta(seconds=10)),
    )


# ---------------------------------------------------------------- one approval


def _approvals(version: str) -> Iterator[Recorded]:
    def waiting(office: Office) -> Keep:
        office.bring()
        return {APPROVAL: "approval-first-stage", INVOICE: "invoice-waiting"}

    def asked(office: Office) -> Keep:
        office.bring()
        office.decide(ANN, "ask", comment="Which order?")
        return {APPROVAL: "approval-question-asked"}

    def answered(office: Office) -> Keep:
        asked(office)
        office.decide(SUE, "answer", comment="4711")
        return {APPROVAL: "approval-question-answered"}

    def reminded(office: Office) -> Keep:
        office.bring()
        office.host.advance(days=2)
        return {APPROVAL: "approval-reminded"}

    def escalated(office: Office) -> Keep:
        office.bring()
        office.host.advance(days=8)
        return {APPROVAL: "approval-escalated"}

    def second(office: Office) -> Keep:
        office.bring()
        office.decide(ANN, "approve")
        return {APPROVAL: "approval-second-stage"}

    def woken_for_nothing(office: Office) -> Keep:
        office.bring()
        for _ in range(12):
            attempt = office.status(APPROVAL).custom_status["attempt"]
            office.host.raise_event(APPROVAL, names.event("clerk", attempt))
        return {APPROVAL: "approval-woken-for-nothing"}

    def rested(office: Office) -> Keep:
        woken_for_nothing(office)
        office.host.advance(minutes=5)
        office.decide(ANN, "approve")
        return {APPROVAL: "approval-rested"}

    def outage(office: Office) -> Keep:
        office.bring()
        office.blobs.go_away()
        office.host.raise_event(APPROVAL, names.event("clerk", 1))
        office.host.advance(minutes=1)
        return {APPROVAL: "approval-outage-running"}

    two = (clerk(), manager())
    for play in (waiting, asked, answered, second, woken_for_nothing, rested, outage):
        yield of_office(version, two, play)
    for play in (reminded, escalated):
        yield of_office(version, (REMINDED, manager()), play)


# ---------------------------------------------------------------- one invoice, with the end of its approval


def _invoices(version: str) -> Iterator[Recorded]:
    def booked(office: Office) -> Keep:
        office.bring()
        office.decide(BOB, "approve")
        office.decide(CARLA, "approve")
        return {INVOICE: "invoice-booked", APPROVAL: "approval-approved"}

    def rejected(office: Office) -> Keep:
        office.bring()
        office.decide(BOB, "reject", comment="wrong price")
        return {INVOICE: "invoice-rejected", APPROVAL: "approval-rejected"}

    def expired(office: Office) -> Keep:
        office.bring()
        office.host.advance(days=15)
        return {INVOICE: "invoice-expired", APPROVAL: "approval-expired"}

    def failed(office: Office) -> Keep:
        office.bring("valid ACME 17 500.00 DE1 DE02")
        office.blobs.fails = _no_supplier_is_known
        office.decide(BOB, "approve")
        office.host.finish(INVOICE)
        return {INVOICE: "invoice-compensated"}

    def duplicate(office: Office) -> Keep:
        other = names.invoice_id("2" * 64)
        office.bring()
        office.bring(ref=other)
        return {other: "invoice-duplicate"}

    def outage(office: Office) -> Keep:
        office.blobs.fails = _claims_are_away
        office.bring()
        office.host.advance(minutes=1)
        return {INVOICE: "invoice-outage-running"}

    yield of_office(version, (clerk(), manager()), booked)
    for play in (rejected, expired, failed, duplicate, outage):
        yield of_office(version, (clerk(),), play)


def _no_supplier_is_known(verb: str, name: str) -> None:
    if name.startswith("suppliers/") and verb == "create":
        raise ValueError("cut off")


def _claims_are_away(verb: str, name: str) -> None:
    if name.startswith("claims/"):
        raise StorageUnavailable(f"{verb} {name}: no answer")


# ---------------------------------------------------------------- the approvals of a batch


def _approvals_of_batches(version: str) -> Iterator[Recorded]:
    monitor = f"{some_batch.BATCH}-approvals"

    def waiting(office: Office) -> Keep:
        _begin(office)
        some_batch._open_all(office)
        return {
            monitor: "batch-approvals-waiting",
            **_first(office, "batch_document", "batch-document-waiting"),
        }

    def settled(office: Office) -> Keep:
        _begin(office)
        some_batch._decide_all(office, "reject")
        office.host.finish(monitor)
        return {
            monitor: "batch-approvals-settled",
            **_first(office, "batch_document", "batch-document-rejected"),
        }

    def nobody_asked(office: Office) -> Keep:
        office.policy = some_batch._two_rules("5100.00")
        _begin(office)
        office.host.finish(monitor)
        return {
            monitor: "batch-approvals-booked",
            **_first(office, "booking_window", "booking-window-finished"),
        }

    for play in (waiting, settled, nobody_asked):
        yield of_office(version, (clerk(),), play)


def _begin(office: Office) -> None:
    some_batch._store(office, 12)
    some_batch._start(office)


def _first(office: Office, orchestrator: str, file: str) -> Keep:
    """The first instance of an orchestrator, in the order of ids."""
    found = [one.instance_id for one in office.host.instances() if one.name == orchestrator]
    return {found[0]: file}


# ---------------------------------------------------------------- messages


def _messages(version: str) -> Iterator[Recorded]:
    def sent(office: Office) -> Keep:
        _ask(office)
        office.host.advance(hours=1)
        return {
            **_first(office, "deliver_notification", "notification-sent"),
            **_first(office, "deliver_digest", "digest-sent"),
        }

    def waiting(office: Office) -> Keep:
        _ask(office)
        return _first(office, "deliver_digest", "digest-waiting")

    def tried_again(office: Office) -> Keep:
        office.blobs.fails = _outbox_is_away
        _ask(office)
        office.host.advance(hours=1)
        return {
            **_first(office, "deliver_notification", "notification-tried-again"),
            **_first(office, "deliver_digest", "digest-tried-again"),
        }

    for play in (sent, waiting, tried_again):
        yield of_office(version, (clerk(),), play)


def _ask(office: Office) -> None:
    """A question goes out alone and at once, the request waits for company."""
    office.bring()
    office.decide(ANN, "ask", comment="Which order?")
    office.deliver()


def _outbox_is_away(verb: str, name: str) -> None:
    if name.startswith("outbox/"):
        raise StorageUnavailable(f"{verb} {name}: no answer")


def all_of(version: str) -> dict[str, Any]:
    """The texts of all histories of a version by file name, without its ending."""
    texts: Recorded = {}
    for some in scenes(version):
        twice = texts.keys() & some.keys()
        assert not twice, f"two histories of one name: {sorted(twice)}"
        texts |= some
    return texts
