"""An invoice that waits for its goods on a host that dies at every commit in turn: all of it once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from orchestrators import signals
from stores import outbox
from stores import signals as signal_store
from stores.orders import OrderStore
from tests.orchestrators.approval_kit import INVOICE
from tests.orchestrators.goods_kit import BILL, WAITS, Dock


def _life(here: Dock) -> list[Callable[[], object]]:
    """What happens to one invoice, step by step; each step can be taken again."""
    end = here.host.now + timedelta(days=7, hours=1)
    return [
        here.order,
        lambda: here.goods("a", ("1", 6)),
        lambda: here.host.instances(INVOICE) or here.bring(BILL),
        lambda: here.host.advance(max(timedelta(0), end - here.host.now)),
        lambda: here.goods("b", ("1", 4)),
        lambda: here.goods("c", ("2", 4)),
        # Whoever was to be woken when the process died is woken by the next signal, or by the sweep.
        lambda: here.goods("c", ("2", 4)),
        lambda: here.host.advance(minutes=5),
    ]


def test_host_that_dies_at_any_commit_ends_with_one_payable(tmp_path: Path) -> None:
    """Killed right after each commit, which is right before the next one, and started again."""
    crash, crashed = 0, True
    while crashed:
        crash += 1
        with Dock(state=tmp_path / f"{crash}.db").at_work() as here:
            here.host.crash_at(crash, "after")
            crashed = here.live(_life(here))
            what = f"commit {crash}"
            assert here.status().output == {"status": "booked", "approval": None, "undone": []}, what
            assert here.host.status(WAITS).output["ended"] == "matched", what
            assert len(here.payables()) == 1, what
            assert here.state().reminders == 1, what
            assert len(outbox.messages(here.blobs)[0].found) == 1, what
            order = here.state().order
            assert order is not None
            assert [one.number for one in OrderStore(here.blobs).billings(order)] == [1], what
            assert len(OrderStore(here.blobs).receipts(order)) == 3, what
    assert crash > 20, "so few commits cannot be all"


def test_host_that_dies_around_a_new_beginning_loses_no_goods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait that is long ends and begins anew; what comes in between is found by its first reading."""
    monkeypatch.setattr(signals, "LONG", 2)
    parts = [(f"part {n}", ("1", 2)) for n in range(5)] + [("last", ("2", 4))]
    crash, crashed = 0, True
    while crashed:
        crash += 1
        with Dock(state=tmp_path / f"{crash}.db").at_work() as here:
            here.host.crash_at(crash, "after")
            begin = [here.order, lambda: here.host.instances(INVOICE) or here.bring(BILL)]
            crashed = here.live([*begin, *(partial(here.goods, *part) for part in parts)])
            # Whoever was to be woken when the process died is woken by the next signal.
            crashed |= here.live([lambda: here.goods(*parts[-1]), lambda: here.host.advance(minutes=5)])
            what = f"commit {crash}"
            assert here.status().output["status"] == "booked", what
            match = here.state().match
            assert match is not None, what
            assert {line.name: line.received for line in match.lines} == {"Oil": 10, "Salt": 4}, what
            assert signal_store.waiting(here.blobs, "goods-received", "PO-1") == [], what
    assert crash > 20, "so few commits cannot be all"
