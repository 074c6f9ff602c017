"""Checks of new suppliers, and what waits for them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from adapters import outgoing, services
from adapters.lookup_settings import LookupSettings
from invoicing.records.outgoing import OutgoingAnswer, OutgoingRequest
from orchestrators import versions
from tests.histories.kept import Keep, Recorded, first, of_office
from tests.orchestrators import test_batch_approvals as some_batch
from tests.orchestrators.approval_kit import INVOICE, Office, clerk
from tests.orchestrators.test_supplier_check import FILE, answered, away


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name."""
    if version < versions.CHECKS_SUPPLIERS:
        return

    def waiting(office: Office) -> Keep:
        office.bring()
        return {INVOICE: "invoice-waits-for-supplier"}

    def batch_waiting(office: Office) -> Keep:
        some_batch._store(office, 3)
        some_batch._start(office)
        return {f"{some_batch.BATCH}-approvals": "batch-approvals-waits-for-supplier"}

    def answered_at_once(office: Office) -> Keep:
        office.bring()
        office.deliver()
        office.host.advance(seconds=1)
        return {
            INVOICE: "invoice-supplier-checked",
            **first(office, "supplier_check", "supplier-check-finished"),
        }

    def tried_again(office: Office) -> Keep:
        office.bring()
        office.deliver()
        office.host.advance(seconds=3)
        return first(office, "supplier_check", "supplier-check-tried-again")

    for play in (waiting, batch_waiting, answered_at_once):
        yield _checked(version, play, answered(True))
    yield _checked(version, tried_again, away())


def _checked(version: str, play: Callable[[Office], Keep], answer: OutgoingAnswer) -> Recorded:
    """Play where new suppliers are checked, by a service that always says the same."""
    with tempfile.TemporaryDirectory() as folder, _saying(answer):
        file = Path(folder) / "checks.json"
        file.write_text(json.dumps(FILE))

        def checked(office: Office) -> Keep:
            settings = replace(office.settings, lookups=LookupSettings(checks_file=file))
            with services.replaced_by(replace(services.current(), settings=settings)):
                return play(office)

        return of_office(version, (clerk(),), checked)


@contextmanager
def _saying(answer: OutgoingAnswer) -> Iterator[None]:
    async def send(request: OutgoingRequest) -> OutgoingAnswer:
        return answer

    before, outgoing.send = outgoing.send, send
    try:
        yield
    finally:
        outgoing.send = before
