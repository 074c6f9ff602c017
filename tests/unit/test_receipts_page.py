"""The pages of goods receipts: what waits, one order with its three numbers, and the form “goods arrived”."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import azure.functions as func
import pytest

from adapters.services import Services
from invoicing.matching.match import match
from invoicing.matching.tolerances import GoodsPolicy
from invoicing.orders import from_json
from invoicing.records.base import Reference
from invoicing.records.goods import BilledInvoice, BilledLine, GoodsReceived, GoodsState, Receipt
from invoicing.records.order import Order
from stores import approval_names, goods, signals
from stores.orders import OrderStore
from tests.unit.approvals_on_paper import ANN, put_approval
from tests.unit.page_requests import Client, get, local_run, text
from tests.unit.report_rows import invoice, row
from tests.unit.test_pages import HOSTILE
from triggers import pages_approval, pages_receipts
from usecases.take_in_order import take_in_order

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def here() -> Iterator[Services]:
    """A local run with nothing in it."""
    with local_run() as made:
        yield made


def put_order(here: Services, **more: Any) -> Order:
    """An order of ten pieces."""
    value = {
        "number": "PO-1",
        "supplier": {"name": "ACME"},
        "currency": "EUR",
        "lines": [{"id": "1", "quantity": 10, "unit": "EA", "price": "5.00", "name": "Oil"}],
    }
    return take_in_order(here, from_json(json.dumps(value | more).encode()))[0]


def put_wait(here: Services, order: Order, *, quantity: int = 12, name: str = "R1") -> GoodsState:
    """An invoice that bills the order, and waits for its goods."""
    line = BilledLine(
        id="1", order_line="1", quantity=Decimal(quantity), unit="EA", net=Decimal(quantity) * 5
    )
    billed = BilledInvoice(
        ref=Reference("i" + "1" * 24),
        order=order.id,
        at=NOW,
        number=name,
        supplier=name,
        currency="EUR",
        lines=(line,),
    )
    OrderStore(here.blobs).bill(billed)
    said = GoodsReceived.model_validate({"lines": [{"line": "1", "quantity": 4}], "by": name})
    OrderStore(here.blobs).keep_receipt(order.id, Receipt(id="a", received=NOW, goods=said))
    found = match(
        order, OrderStore(here.blobs).receipts(order.id), [], billed, GoodsPolicy(wait=timedelta(days=30))
    )
    state = GoodsState(
        ref=billed.ref,
        order=order.id,
        number=order.order.number,
        invoice=name,
        supplier=name,
        since=NOW,
        until=NOW + timedelta(days=30),
        match=found,
        at=NOW,
    )
    goods.keep(here.blobs, state)
    return state


async def listed() -> str:
    """The list."""
    return text(await get(pages_receipts.page_receipts, "/receipts"))


async def arrived(order: Order, **fields: str) -> func.HttpResponse:
    """Send the form."""
    path = f"/receipts/{order.id}"
    return await get(pages_receipts.goods_arrived, path, method="POST", fields=fields, client=Client())


async def test_list_shows_what_waits_and_what_came_of_it(here: Services) -> None:
    """Since when, how far, and the order to go on to; who waits no more is below."""
    assert "Nothing is missing." in await listed()
    order = put_order(here)
    state = put_wait(here, order, quantity=10)
    page = await listed()
    assert "1 invoice waits for goods" in page
    assert f'href="/receipts/{order.id}"' in page
    assert f'href="/runs/{state.ref}"' in page
    assert "0 of 1" in page
    goods.keep(here.blobs, state.model_copy(update={"ended": "late"}))
    page = await listed()
    assert "Nothing is missing." in page
    assert "the goods did not come in time" in page


async def test_order_shows_ordered_received_and_billed(here: Services) -> None:
    """And what came, and who bills it."""
    order = put_order(here)
    put_wait(here, order)
    page = text(await get(pages_receipts.page_receipt, f"/receipts/{order.id}"))
    numbers = re.findall(r'<td class="r" data-of="\w+">([^<]*)</td>', page)
    assert numbers == ["10", "4", "12"]
    assert "4 of line 1" in page
    assert "R1" in page


async def test_form_sends_a_signal(here: Services) -> None:
    """The same form twice is one signal; a comma is a point."""
    order = put_order(here)
    for _ in range(2):
        answer = await arrived(order, line="1", quantity="2,5", id="form-1")
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/receipts/{order.id}?done=1")
    (found,) = signals.folder(here.blobs, "goods-received", "PO-1").came.values()
    assert found.payload["lines"] == [{"line": "1", "quantity": "2.5"}]
    assert found.payload["by"] == ANN
    page = text(await get(pages_receipts.page_receipt, f"/receipts/{order.id}?done=1"))
    assert "It is entered." in page
    assert 'data-of="Received">2.5<' in page


async def test_form_may_say_that_nothing_more_comes(here: Services) -> None:
    """Without a quantity."""
    order = put_order(here)
    assert (await arrived(order, line="1", quantity="", complete="1", id="x")).status_code == 303
    assert "nothing more will come" in text(await get(pages_receipts.page_receipt, f"/receipts/{order.id}"))


@pytest.mark.parametrize("quantity", ["", "ten", "1e999", "9" * 41, "0.0000001"])
async def test_what_is_no_quantity_is_told(here: Services, quantity: str) -> None:
    """With what was typed; nothing is stored."""
    order = put_order(here)
    answer = await arrived(order, line="1", quantity=quantity, id="x")
    assert answer.status_code == 400
    assert 'role="alert"' in text(answer)
    assert not signals.folder(here.blobs, "goods-received", "PO-1").came


async def test_unknown_order_is_not_found(here: Services) -> None:
    """Nobody guesses one."""
    assert (await get(pages_receipts.page_receipt, "/receipts/o" + "0" * 24)).status_code == 404


async def test_hostile_texts_stay_texts(here: Services) -> None:
    """Names of orders, lines and devices are strangers' words."""
    attack = "<script>alert(1)</script>{{7*7}}"
    order = put_order(
        here,
        supplier={"name": attack},
        lines=[{"id": "1", "quantity": 10, "unit": "<b>", "name": HOSTILE[:300].replace("\u202e", "")}],
    )
    put_wait(here, order, name=attack)
    for page in (await listed(), text(await get(pages_receipts.page_receipt, f"/receipts/{order.id}"))):
        assert "<script" not in page
        assert "<b>" not in page
        assert "49" not in re.sub(r"[0-9a-f]{20,}", "", page)


async def test_approval_shows_the_three_numbers(here: Services) -> None:
    """Side by side, with why it does not match."""
    found = put_wait(here, put_order(here)).match
    approval = put_approval(here.blobs, row(invoice=invoice()))
    name = approval_names.request(approval)
    request = json.loads(here.blobs.read(name))
    assert found is not None
    here.blobs.write(name, json.dumps(request | {"match": found.as_plain()}).encode())
    page = text(await get(pages_approval.page_approval, f"/approvals/{approval}"))
    assert "Ordered, received, billed" in page
    assert "more than ordered, more than received" in page
    assert re.findall(r'data-of="(?:Ordered|Received|Billed)">([0-9]+)', page) == ["10", "4", "12"]
