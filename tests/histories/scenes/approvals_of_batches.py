"""The approvals of a batch."""

from __future__ import annotations

from collections.abc import Iterator

from tests.histories.kept import Keep, Recorded, first, of_office
from tests.orchestrators import test_batch_approvals as some_batch
from tests.orchestrators.approval_kit import Office, clerk


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name."""
    monitor = f"{some_batch.BATCH}-approvals"

    def waiting(office: Office) -> Keep:
        _begin(office)
        some_batch._open_all(office)
        return {
            monitor: "batch-approvals-waiting",
            **first(office, "batch_document", "batch-document-waiting"),
        }

    def settled(office: Office) -> Keep:
        _begin(office)
        some_batch._decide_all(office, "reject")
        office.host.finish(monitor)
        return {
            monitor: "batch-approvals-settled",
            **first(office, "batch_document", "batch-document-rejected"),
        }

    def nobody_asked(office: Office) -> Keep:
        office.policy = some_batch._two_rules("5100.00")
        _begin(office)
        office.host.finish(monitor)
        return {
            monitor: "batch-approvals-booked",
            **first(office, "booking_window", "booking-window-finished"),
        }

    for play in (waiting, settled, nobody_asked):
        yield of_office(version, (clerk(),), play)


def _begin(office: Office) -> None:
    some_batch._store(office, 12)
    some_batch._start(office)
