"""What a document costs from the hand-over of its batch to its booking, in a small batch and in the largest.

`python3 dev.py bench booking` (two to three minutes; `--quick` for a first look, which writes nothing).
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from activities import approving, batch_hand_over, booking, routing
from adapters import services
from adapters.services import Services
from adapters.settings import from_environment
from benchmarks import _publish
from benchmarks._memory import CountingBlobs, Work
from invoicing.batching import MAX_DOCUMENTS
from invoicing.records import approval_steps, batch_approvals_steps, invoice_steps
from invoicing.records.base import ApprovalId, BatchId, Reference, Step
from invoicing.records.batch import Manifest
from invoicing.records.document import DocumentRow
from invoicing.records.route import BatchRouting
from stores.batches import BatchStore
from stores.payables import PAYABLES
from stores.results import ResultStore
from stores.routes import RouteStore
from tests.unit.report_rows import invoice, row

SMALL, LARGE = 1_000, 20_000
#: A document of the large batch may cost so many times what one of the small batch costs.
MOST = 1.1
#: The monitor looks at what is settled; the larger the batch, the longer its pauses.
LOOKS = 10
SUPPLIERS = 200
BATCH = BatchId("b" + "0" * 24)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
EXPIRED = NOON + timedelta(days=2)
POLICY = {
    "version": 1,
    "people": {"ann.roth@example.com": {"name": "Ann Roth"}, "bob.lang@example.com": {"name": "Bob Lang"}},
    "rules": [
        {"name": "small", "when": {"currency": ["EUR"], "amount_below": "1000.00"}, "stages": []},
        {
            "name": "large",
            "when": {},
            "stages": [
                {
                    "name": "clerk",
                    "approvers": ["ann.roth@example.com", "bob.lang@example.com"],
                    "expire_after": "P2D",
                    "on_expiry": "approve",
                }
            ],
        },
    ],
}

Input = TypeVar("Input")
Output = TypeVar("Output")


@dataclass(frozen=True)
class Cost:
    """What all documents of a batch cost together: seconds of the processor, and work of the storage."""

    documents: int
    seconds: float
    work: Work

    @property
    def each(self) -> tuple[float, float, float, float]:
        """What one document costs: milliseconds of the processor, calls, bytes, names that were listed."""
        of_storage = (self.work.calls, self.work.bytes, self.work.listed)
        milliseconds = 1000 * self.seconds / self.documents
        calls, moved, listed = (count / self.documents for count in of_storage)
        return milliseconds, calls, moved, listed


class Run:
    """A batch on its way; every other document waits for a person, whose time is over in the end."""

    def __init__(self, documents: int, policy: Path) -> None:
        self.blobs = CountingBlobs()
        self._documents = documents
        settings = from_environment({"AzureWebJobsStorage": "unused", "SETTLE_LEDGER_KEY": "k" * 40})
        self.services = Services(
            replace(settings, policy_file=policy),
            self.blobs,
            _no_checker,
            enqueue=lambda settings, orchestrator, instance, value: None,
            clock=lambda: NOON,
        )
        self._put_rows()

    def measured(self) -> Cost:
        """Take all documents to their booking, step by step, as the workflows do."""
        gc.collect()
        gc.disable()  # it would go through all that the storage in memory holds
        before = self.blobs.work
        begun = time.process_time()
        try:
            with services.replaced_by(self.services):
                self._go()
        finally:
            gc.enable()
        cost = Cost(self._documents, time.process_time() - begun, self.blobs.work - before)
        assert len(self.blobs.names(PAYABLES)) == self._documents
        return cost

    def _go(self) -> None:
        job = batch_approvals_steps.BatchApprovalsJob(batch=BATCH)
        _call(batch_hand_over.start_approvals, batch_approvals_steps.START_APPROVALS, job)
        value = batch_approvals_steps.RouteBatchJob(batch=BATCH, now=NOON)
        routed = _call(routing.route_batch, batch_approvals_steps.ROUTE_BATCH, value)
        for pack in range(routed.packs):
            pack_job = batch_approvals_steps.PackJob(batch=BATCH, pack=pack, now=NOON)
            _call(booking.book_pack, batch_approvals_steps.BOOK_PACK, pack_job)
        self._settle_all(routed)

    def _settle_all(self, routed: BatchRouting) -> None:
        store = RouteStore(self.blobs, BATCH)
        for window in range(routed.windows):
            window_job = batch_approvals_steps.DocumentWindowJob(batch=BATCH, window=window)
            _call(batch_hand_over.open_documents, batch_approvals_steps.OPEN_DOCUMENTS, window_job)
            for document in store.window(window).documents:
                assert document.approval, "each document of this batch waits for people"
                _settle(Reference(f"{BATCH}/{document.n}"), document.approval)
            if (window + 1) * LOOKS // routed.windows > window * LOOKS // routed.windows:
                _call(batch_hand_over.count_settled, batch_approvals_steps.COUNT_SETTLED, BATCH)

    def _put_rows(self) -> None:
        """The batch as claiming leaves it."""
        lines = b"".join(_row(n).as_json() + b"\n" for n in range(1, self._documents + 1))
        ResultStore(self.blobs).write_final(BATCH, io.BytesIO(lines))
        lasts = tuple(range(MAX_DOCUMENTS, self._documents + 1, MAX_DOCUMENTS))
        BatchStore(self.blobs).divide(BATCH, Manifest(lasts=lasts))


def _settle(reference: Reference, approval: ApprovalId) -> None:
    """Open one approval, let its time go by, which approves it, and book the document."""
    opened = _call(
        approving.open_approval,
        approval_steps.OPEN_APPROVAL,
        approval_steps.OpenJob(approval=approval, at=NOON),
    )
    alarm = opened.first.alarm
    assert alarm
    alarm_job = approval_steps.AlarmJob(
        approval=approval,
        stage=opened.stages[0],
        at=EXPIRED,
        after=opened.first.seen,
        kind=alarm.kind,
        key=alarm.key,
    )
    now = _call(approving.record_alarm, approval_steps.RECORD_ALARM, alarm_job)
    close_job = approval_steps.CloseJob(approval=approval, at=EXPIRED, after=now.seen)
    _call(approving.close_approval, approval_steps.CLOSE_APPROVAL, close_job)

    book_job = invoice_steps.BookJob(ref=reference, approval=approval, now=EXPIRED)
    _call(booking.book_payable, invoice_steps.BOOK_PAYABLE, book_job)
    settled = batch_approvals_steps.SettledDocument(ref=reference, status="booked")
    _call(batch_hand_over.note_settled, batch_approvals_steps.NOTE_SETTLED, settled)


def _call(activity: Any, step: Step[Input, Output], value: Input) -> Output:
    """Call an activity as the host does: the builder that the SDK made of it has the function."""
    function: Callable[[Any], Any] = activity._function.get_user_function()
    return step.parsed_output(function(step.written_input(value)))


def _row(n: int) -> DocumentRow:
    vat_id = f"DE{n % SUPPLIERS:09d}"
    payable = "50.00" if n % 2 else "5000.00"
    return DocumentRow.model_validate(row(n, invoice=invoice(payable=payable, seller_vat_id=vat_id)))


def _no_checker() -> Any:
    raise AssertionError("nothing is checked here")


# ---------------------------------------------------------------- measuring and telling


def measure(rounds: int, large: int) -> tuple[list[Cost], list[Cost]]:
    """Costs of small and large batches, in turn, with a small one before and after each large one."""
    small: list[Cost] = []
    big: list[Cost] = []
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.json"
        policy.write_text(json.dumps(POLICY))
        Run(200, policy).measured()  # what is made on first use is made now
        small.append(Run(SMALL, policy).measured())
        for _ in range(rounds):
            big.append(Run(large, policy).measured())
            small += [Run(SMALL, policy).measured() for _ in range(3)]
    return small, big


def report(small: list[Cost], large: list[Cost]) -> tuple[str, bool]:
    """The section of the README, and whether each ratio is reached."""
    figures = (
        ("processor, ms", 2),
        ("calls of the storage", 1),
        ("bytes read and written", 0),
        ("names listed", 1),
    )
    lines = []
    reached = True
    for place, (name, digits) in enumerate(figures):
        one = statistics.median(cost.each[place] for cost in small)
        other = statistics.median(cost.each[place] for cost in large)
        is_reached = other <= MOST * one
        reached = reached and is_reached
        both = f"{one:,.{digits}f} | {other:,.{digits}f}"
        lines.append(f"| {name} | {both} | {other / one:.2f} | {'yes' if is_reached else 'no'} |")
    text = f"""
Hand-over, routing, approval and booking, each step called as the host calls it, on a storage in memory that
counts. Half of the documents need nobody and are booked in packs. The others are opened, their time goes by,
the policy approves them then, and each is booked by itself. Looks at what is settled are {LOOKS} in both.
The garbage collector is off while it is measured: it would go through what the storage in memory holds.

Per document, at most {MOST} times as much in a batch of {large[0].documents:,} as in one of {SMALL:,}:

| per document | {SMALL:,} | {large[0].documents:,} | ratio | reached |
| --- | ---: | ---: | ---: | --- |
""" + "\n".join(lines)
    return text, reached


def main() -> int:
    """Measure, write the section, and fail where a ratio is not reached."""
    parser = argparse.ArgumentParser(prog="python3 dev.py bench booking", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4,000 documents, once; writes nothing")
    parser.add_argument("--rounds", type=int, default=1, help="large batches (default: 1)")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    small, large = measure(options.rounds, 4_000 if options.quick else LARGE)
    text, reached = report(small, large)
    if options.quick:
        print(text.strip(), flush=True)
    else:
        _publish.publish("booking", "A document's way to its booking", text)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
