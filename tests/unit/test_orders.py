"""Orders: read from UBL and JSON, kept once, a changed one as a new revision."""

from __future__ import annotations

import asyncio
import inspect
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from invoicing.orders import BadOrder, fingerprint, from_json, order_id, possible_ids
from invoicing.readers import ubl_order
from invoicing.records.base import Reference
from invoicing.records.document import InvoiceSummary
from invoicing.records.goods import BilledInvoice, GoodsReceived, Receipt
from invoicing.records.order import Order, OrderId
from stores.orders import OrderStore
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.page_requests import Client, handler, local_run
from triggers import orders

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "orders" / "order-PO-2025-0815.xml"
ORDER: dict[str, Any] = {
    "number": "PO-1",
    "supplier": {"name": "ACME GmbH", "vat_id": "DE123456789"},
    "currency": "EUR",
    "issued": "2025-03-01",
    "lines": [{"id": "1", "quantity": "10", "unit": "KGM", "price": "2.50", "name": "Oil"}],
}
UBL = """<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:ID>PO-1</cbc:ID><cbc:IssueDate>2025-03-01</cbc:IssueDate>
<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:SellerSupplierParty><cac:Party><cac:PartyTaxScheme><cbc:CompanyID>DE123456789</cbc:CompanyID>
<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
<cac:PartyLegalEntity><cbc:RegistrationName>ACME GmbH</cbc:RegistrationName></cac:PartyLegalEntity>
</cac:Party></cac:SellerSupplierParty>
<cac:OrderLine><cac:LineItem><cbc:ID>1</cbc:ID><cbc:Quantity unitCode="KGM">10</cbc:Quantity>
<cac:Price><cbc:PriceAmount currencyID="EUR">2.50</cbc:PriceAmount></cac:Price>
<cac:Item><cbc:Name>Oil</cbc:Name></cac:Item></cac:LineItem></cac:OrderLine></Order>"""


def changed(**more: Any) -> bytes:
    """The order with other fields."""
    return json.dumps(ORDER | more).encode()


def line(**more: Any) -> bytes:
    """The order with other fields in its line."""
    return changed(lines=[ORDER["lines"][0] | more])


def test_same_order_in_ubl_and_json_is_the_same() -> None:
    """Also where a quantity is written with other digits."""
    read = ubl_order.read(UBL.encode())
    assert read == from_json(changed())
    assert fingerprint(read) == fingerprint(from_json(line(quantity=10.0, price=2.5)))
    assert fingerprint(read) != fingerprint(from_json(line(quantity=11)))


def test_invoice_finds_its_order() -> None:
    """By VAT id, or by the name where the order has no other; spaces and case do not matter."""
    order = from_json(changed())
    invoice = InvoiceSummary(seller="Acme", seller_vat_id="de 123456789", order_reference="po 1")
    assert order_id(order) in possible_ids(invoice)
    named = from_json(changed(supplier={"name": "ACME"}))
    assert order_id(named) in possible_ids(invoice)
    other = InvoiceSummary(seller="Acme", seller_vat_id="DE999", order_reference="PO-1")
    assert order_id(order) not in possible_ids(other)
    assert possible_ids(InvoiceSummary(seller="Acme")) == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"number": "\xff"}',
        changed(number=""),
        changed(number="\ud800"),
        changed(number="a\nb"),
        changed(supplier={}),
        changed(supplier={"name": "--"}),
        changed(lines=[]),
        changed(lines=ORDER["lines"] * 2),
        changed(currency="euro"),
        changed(__class__="Order"),
        changed(lines=[ORDER["lines"][0] | {"id": str(n)} for n in range(2_001)]),
        line(quantity="ten"),
        line(quantity=True),
        line(quantity=-1),
        line(quantity="1e400"),
        line(quantity="NaN"),
        line(price="0.0000001"),
        line(base_quantity=0),
        line(unit=""),
        line(name="x" * 301),
    ],
)
def test_what_is_no_order_is_refused_with_its_place(body: bytes) -> None:
    """And nothing of it is quoted."""
    with pytest.raises(BadOrder) as caught:
        from_json(body)
    assert caught.value.problems
    assert len(str(caught.value)) < 2_000


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<Order/>",
        UBL.replace("Order xmlns=", "Order a='&lol;' xmlns="),
        '<!DOCTYPE a [<!ENTITY x "y">]>' + UBL,
        UBL.replace(">10<", ">ten<"),
        UBL.replace(' unitCode="KGM"', ""),
        UBL.replace("<cbc:ID>PO-1</cbc:ID>", ""),
        UBL.replace("2025-03-01", "2025-02-31"),
    ],
)
def test_ubl_that_is_no_order_is_refused(body: str) -> None:
    """By the reader that invoices go through, too."""
    with pytest.raises(BadOrder):
        ubl_order.read(body.encode())


def test_changed_order_is_a_new_revision() -> None:
    """The same one is the same, whoever sends it and however often."""
    with local_run() as used:
        told = [_post(body) for body in (changed(), changed(), line(quantity=12), changed(), UBL.encode())]
        assert [(status, body["outcome"], body["revision"]) for status, body in told] == [
            (201, "new", 1),
            (200, "same", 1),
            (201, "changed", 2),
            (201, "changed", 3),
            (200, "same", 3),
        ]
        assert len({body["id"] for _, body in told}) == 1
        found = OrderStore(used.blobs).order(told[0][1]["id"])
    assert found is not None
    assert (found.revision, found.order.lines[0].quantity) == (3, 10)


def test_two_requests_at_the_same_time_make_one_revision_each() -> None:
    """Who is slower sees what the other wrote."""
    blobs = MemoryBlobs()
    with local_run():
        _, first = _post(changed())
    stored = OrderStore(blobs)
    order = from_json(changed())
    record = Order(
        id=first["id"], revision=1, created=datetime(2025, 3, 1, tzinfo=UTC), fingerprint="a", order=order
    )
    create, raced = blobs.create, []

    def quicker(name: str, data: bytes, metadata: dict[str, str] | None = None) -> None:
        if not raced:
            raced.append(name)
            create(name, record.model_copy(update={"fingerprint": "b"}).as_json())
        create(name, data, metadata)

    blobs.create = quicker
    assert stored.take(record)[0].revision == 2


def test_many_invoices_of_an_order_are_read_by_one_listing() -> None:
    """Each look of each invoice that waits reads all of them."""
    blobs = MemoryBlobs()
    store = OrderStore(blobs)
    order = OrderId("o" + "1" * 24)
    now = datetime(2026, 5, 4, tzinfo=UTC)
    for n in range(20):
        ref = Reference(f"i{n:024x}")
        new = BilledInvoice(
            ref=ref, order=order, at=now, number=str(n), supplier="Ü", currency="EUR", lines=()
        )
        store.bill(new)
    blobs.calls.clear()
    assert [one.invoice.number for one in store.billings(order)] == [str(n) for n in range(20)]
    assert [verb for verb, _ in blobs.calls] == ["list"]


def test_many_receipts_are_read_by_one_listing() -> None:
    """Each look at the goods reads them all; what is too long for that is read by itself."""
    blobs = MemoryBlobs()
    store = OrderStore(blobs)
    now = datetime(2025, 3, 1, tzinfo=UTC)
    for n in range(300):
        said = GoodsReceived.model_validate({"lines": [{"line": "ä", "quantity": n}]})
        assert store.keep_receipt("o1", Receipt(id=str(n), received=now, goods=said))
    assert not store.keep_receipt("o1", Receipt(id="7", received=now, goods=None)), "it counts once"
    long = GoodsReceived.model_validate({"lines": [{"line": "x" * 90, "quantity": 1}] * 200})
    store.keep_receipt("o1", Receipt(id="long", received=now, goods=long))

    blobs.calls.clear()
    assert len(store.receipts("o1")) == 301
    assert [verb for verb, _ in blobs.calls] == ["list", "read"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (changed(), "text/plain", 415),
        (b"", "application/json", 400),
        (b"<Invoice/>", "application/xml", 400),
        (b" " * (4 * 2**20 + 1), "application/json", 413),
        (b"{}", "application/json", 400),
    ],
)
def test_request_that_cannot_be_used_says_what_to_do(body: bytes, kind: str, status: int) -> None:
    """In the one shape of all errors."""
    with local_run():
        answer = _call(orders.take_order, body, kind)
    assert answer.status_code == status
    assert json.loads(answer.get_body())["error"]["message"]


def test_unknown_order_is_not_found() -> None:
    """Whatever stands in its place."""
    for name in ("o" + "1" * 24, "b" + "1" * 24, "../x"):
        with local_run():
            assert _call(orders.get_order, id=name).status_code == 404


def _post(body: bytes) -> tuple[int, dict[str, Any]]:
    kind = "application/xml" if body.startswith(b"<") else "application/json"
    answer = _call(orders.take_order, body, kind)
    return answer.status_code, json.loads(answer.get_body())


def _call(builder: Any, body: bytes = b"", kind: str = "application/json", **route: str) -> func.HttpResponse:
    req = func.HttpRequest(
        "POST",
        "http://127.0.0.1:7071/api/orders",
        headers={"content-type": kind, "host": "127.0.0.1:7071"},
        route_params=route,
        body=body,
    )
    function = handler(builder)
    client = {"client": Client()} if "client" in inspect.signature(function).parameters else {}
    return asyncio.run(function(req, **client))
