"""An order, its goods and its invoices over HTTP: early, twice, in parts; and what does not match."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from samples import order
from tests.e2e.approvals import Api, until


class Buyer:
    """Who sends an order and its invoice in, and tells of goods."""

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.number = f"PO-{name}"

    def _document(self, file: str, number: str) -> bytes:
        content = order.files()[file.replace("NUMBER", order.NUMBER)]
        return content.replace(f"RE-{order.NUMBER}".encode(), number.encode()).replace(
            order.NUMBER.encode(), self.number.encode()
        )

    def order(self) -> requests.Response:
        content = self._document("order-NUMBER.xml", self.number)
        return self.api.post("orders", data=content, headers={"Content-Type": "application/xml"})

    def bill(self, number: str) -> str:
        """Send an invoice over all of it; returns its id once it waits for something."""
        invoice = self.api.send(self._document("invoice-of-NUMBER.xml", f"{number}-{self.number}"))
        until(lambda: self.phase(invoice) not in ("checking", "claiming", "routing"))
        return invoice

    def goods(self, id: str, line: str, quantity: Any) -> requests.Response:
        body = {"line": line, "quantity": quantity}
        headers = {"Idempotency-Key": f"{self.number}-{id}"}
        return self.api.post(f"signals/goods-received/{self.number}", json=body, headers=headers)

    def phase(self, invoice: str) -> str:
        return self.api.get(f"invoices/{invoice}").json()["phase"]


@pytest.fixture
def buyer(base_url: str) -> Buyer:
    """A buyer whose order no host has seen."""
    return Buyer(Api(base_url), uuid.uuid4().hex[:12])


def test_order_signals_and_two_invoices(buyer: Buyer) -> None:
    """The first one waits until all is there, the second one bills what nobody ordered."""
    assert buyer.goods("early", "2", 40).status_code == 202
    taken = buyer.order()
    assert (taken.status_code, taken.json()["outcome"]) == (201, "new")
    assert buyer.order().status_code == 200

    first = buyer.bill("R1")
    if buyer.phase(first) != "goods":
        pytest.skip("the policy of this host has no section goods_receipt")
    assert buyer.goods("scanner", "3", "60").json()["waiting"] == 1
    assert buyer.goods("scale-1", "1", 250.5).status_code == 202
    assert buyer.goods("scale-1", "1", 250.5).status_code == 200
    numbers = [("500", "250.5", "500"), ("40", "40", "40"), ("60", "60", "60")]
    until(lambda: _lines(buyer, taken.json()["id"]) == numbers)
    assert buyer.phase(first) == "goods"

    buyer.goods("scale-2", "1", "249.5")
    until(lambda: buyer.phase(first) != "goods")
    assert _rules(buyer, first) == set()

    second = buyer.bill("R2")
    until(lambda: buyer.api.get(f"invoices/{second}").json()["approval"])
    assert _rules(buyer, second) == {"SETTLE-MATCH-QUANTITY"}
    approval = buyer.api.get(f"invoices/{second}").json()["approval"]
    lines = buyer.api.get(f"approvals/{approval}").json()["match"]["lines"]
    found = [(one["ordered"], one["received"], one["billed_before"], one["billed"]) for one in lines]
    assert ("500", "500.0", "500", "500") in found


def test_what_is_no_order_is_refused(buyer: Buyer) -> None:
    """With the place that is wrong."""
    answer = buyer.api.post("orders", json={"number": "PO-1", "supplier": {"name": "x"}, "currency": "EUR"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_order")
    assert "lines" in answer.json()["error"]["message"]
    assert buyer.api.get("orders/o" + "0" * 24).status_code == 404


def _lines(buyer: Buyer, name: str) -> list[tuple[str, str, str]]:
    """Ordered, received and billed of each line of an order."""
    lines = buyer.api.get(f"orders/{name}").json()["lines"]
    return [(line["quantity"], line["received"], line["billed"]) for line in lines]


def _rules(buyer: Buyer, invoice: str) -> set[str]:
    """What was found about order and goods."""

    def look() -> dict[str, Any] | None:
        status = buyer.api.get(f"invoices/{invoice}").json()
        return status if status["approval"] or status["status"] != "running" else None

    status = until(look)
    if not status["approval"]:
        return set()
    found = buyer.api.get(f"approvals/{status['approval']}").json()["findings"]
    return {one["rule"] for one in found if one["rule"].startswith(("SETTLE-MATCH", "SETTLE-ORDER"))}
