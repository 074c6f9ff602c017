"""A dock for tests of goods receipts: an office whose policy compares, orders, and signals of goods."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from adapters import services
from invoicing.approval.policy import Policy
from invoicing.approval.policy_file import parse
from invoicing.matching.told import MISMATCHES
from invoicing.orders import from_json
from invoicing.records.goods import GoodsState
from invoicing.records.order import Order
from invoicing.signals.taking_in import NewSignal
from stores import goods
from tests.orchestrators.approval_kit import ANN, CARLA, INVOICE, PEOPLE, Office, clerk, manager
from usecases import signal as sending
from usecases.take_in_order import take_in_order
from usecases.wake_invoices import wake_invoices

WAITS = f"{INVOICE}-goods"
ORDER: dict[str, Any] = {
    "number": "PO-1",
    "supplier": {"name": "ACME"},
    "currency": "EUR",
    "lines": [
        {"id": "1", "quantity": "10", "unit": "EA", "price": "5.00", "name": "Oil"},
        {"id": "2", "quantity": "4", "unit": "KGM", "price": "2.50", "name": "Salt"},
    ],
}
BILL = "valid ACME 17 60.00 order:PO-1 line:1:10:EA:50.00 line:2:4:KGM:10.00"


def policy_of_goods(**section: Any) -> Policy:
    """Nobody approves what matches; a clerk approves what does not, and what is of an unknown order."""
    value = {
        "version": 1,
        "people": {one: {"name": one.split("@")[0].title()} for one in PEOPLE},
        "goods_receipt": {
            "wait": "P30D",
            "remind_after": "P7D",
            "remind_every": "P7D",
            "remind": [ANN],
        }
        | section,
        "rules": [
            {"name": "goods", "when": {"findings": list(MISMATCHES)}, "stages": [clerk()]},
            {"name": "clean", "when": {"findings": "none"}, "stages": []},
            {"name": "others", "when": {}, "stages": [manager(approvers=[CARLA])]},
        ],
    }
    return parse(json.dumps(value).encode())


class Dock(Office):
    """An office with a dock: orders come in, goods come, invoices wait for them."""

    def __init__(self, policy: dict[str, Any] | None = None, **host: Any) -> None:
        super().__init__(**host)
        self.policy = policy_of_goods(**(policy or {}))

    @contextmanager
    def at_work(self) -> Iterator[Dock]:
        """The services are this office's inside of the block."""
        with super().at_work():
            yield self

    def order(self, **more: Any) -> Order:
        """An order comes in, and wakes the invoices that wait."""
        app = services.current()
        found, taken = take_in_order(app, from_json(json.dumps(ORDER | more).encode()))
        if taken != "same":
            asyncio.run(wake_invoices(app, self.client, found))
        return found

    def goods(self, id: str, *lines: tuple[str, Any], key: str = "PO-1", **more: Any) -> None:
        """A signal that goods have come: line and quantity."""
        payload = {"lines": [{"line": line, "quantity": quantity} for line, quantity in lines]} | more
        new = NewSignal("goods-received", key, payload, id)
        asyncio.run(sending.signal(services.current(), self.client, new))

    def state(self, ref: str = INVOICE) -> GoodsState:
        """How an invoice stands with its goods."""
        found = goods.state_of(self.blobs, ref)
        assert found is not None
        return found

    def phase(self, instance: str = INVOICE) -> str:
        """What an invoice is at."""
        return self.host.status(instance).custom_status["phase"]
