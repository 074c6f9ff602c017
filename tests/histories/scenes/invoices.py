"""One invoice, with the end of its approval."""

from __future__ import annotations

from collections.abc import Iterator

from invoicing.approval import names
from stores.blobs import StorageUnavailable
from tests.histories.kept import Keep, Recorded, of_office
from tests.orchestrators.approval_kit import BOB, CARLA, INVOICE, Office, clerk, manager

APPROVAL = names.approval_id(INVOICE)


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name."""

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
