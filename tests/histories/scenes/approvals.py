"""One approval."""

from __future__ import annotations

from collections.abc import Iterator

from invoicing.approval import names
from tests.histories.kept import Keep, Recorded, of_office
from tests.orchestrators.approval_kit import ANN, CARLA, INVOICE, SUE, Office, clerk, manager

APPROVAL = names.approval_id(INVOICE)
REMINDED = clerk(remind_after="P1D", remind_every="P3D", escalate_after="P6D", escalate_to=[CARLA])


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name."""

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
