"""An invoice that waits for its goods, and a document of a batch that does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from devhost.replay import export_instance
from orchestrators import signals
from tests.histories.kept import Keep, Recorded, text_of
from tests.orchestrators import test_goods_batch as some_batch
from tests.orchestrators.approval_kit import BOB, INVOICE
from tests.orchestrators.goods_kit import BILL, WAITS, Dock, policy_of_goods

_DOCUMENT = f"{some_batch.BATCH}-1"


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name: there are none before 1.2."""
    numbers = tuple(int(part) for part in version.split("."))
    if numbers < (1, 2):
        return
    plays = [_waiting, _matched, _late, _unknown, _document]
    if numbers >= (1, 3):
        plays.append(_continued)
    for play in plays:
        yield _of_dock(version, play)


def _waiting(dock: Dock) -> Keep:
    dock.order()
    dock.goods("early", ("1", 4))
    dock.bring(BILL)
    dock.host.advance(days=8)
    dock.goods("scale", ("2", 4))
    return {WAITS: "goods-waiting", INVOICE: "invoice-waiting-for-goods"}


def _matched(dock: Dock) -> Keep:
    dock.order()
    dock.bring(BILL)
    dock.goods("scale", ("1", 10), ("2", 4))
    return {WAITS: "goods-matched", INVOICE: "invoice-booked-after-goods"}


def _late(dock: Dock) -> Keep:
    dock.order()
    dock.bring(BILL)
    dock.host.advance(days=31)
    dock.decide(BOB, "reject", comment="nothing came")
    return {WAITS: "goods-late", INVOICE: "invoice-rejected-after-goods"}


def _continued(dock: Dock) -> Keep:
    """A wait that was long, and is a new one since."""
    dock.order()
    with patch.object(signals, "LONG", 2):
        dock.bring(BILL)
        for n in range(3):
            dock.goods(f"scale {n}", ("1", 1))
    return {WAITS: "goods-continued"}


def _unknown(dock: Dock) -> Keep:
    dock.policy = policy_of_goods(unknown_order="wait")
    dock.bring(BILL)
    return {WAITS: "goods-order-unknown"}


def _document(dock: Dock) -> Keep:
    dock.order()
    some_batch.begin(dock, BILL)
    dock.goods("scale", ("1", 10), ("2", 4))
    return {_DOCUMENT: "batch-document-after-goods"}


def _of_dock(version: str, play: Callable[[Dock], Keep]) -> Recorded:
    with TemporaryDirectory() as folder:
        state = Path(folder) / "state.db"
        with Dock(state=state, default_version=version).at_work() as dock:
            keep = play(dock)
        return {file: text_of(export_instance(state, instance)) for instance, file in keep.items()}
