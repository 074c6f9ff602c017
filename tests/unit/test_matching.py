"""The three-way match: ordered, received and billed, each line by itself, whatever came in which order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.matching.assigning import Assigner
from invoicing.matching.billing import billed_invoice
from invoicing.matching.match import MOST_LINES, ended_late, match
from invoicing.matching.receiving import received
from invoicing.matching.told import findings
from invoicing.matching.tolerances import GoodsPolicy
from invoicing.model import Invoice, Totals
from invoicing.records.base import Reference
from invoicing.records.goods import BilledInvoice, BilledLine, GoodsReceived, Receipt
from invoicing.records.order import NewOrder, Order, OrderId, OrderLine, Supplier

NOW = datetime(2025, 3, 1, tzinfo=UTC)
ORDER = OrderId("o" + "1" * 24)
EXACT = GoodsPolicy(wait=timedelta(days=30))


def line(id: str = "1", quantity: Any = 10, unit: str = "EA", **more: Any) -> OrderLine:
    """A line of an order: ten pieces at 5.00."""
    return OrderLine.model_validate({"id": id, "quantity": quantity, "unit": unit, "price": "5.00"} | more)


def order_of(*lines: OrderLine) -> Order:
    """An order of some lines."""
    order = NewOrder(number="PO-1", supplier=Supplier(name="ACME"), currency="EUR", lines=lines)
    return Order(id=ORDER, revision=1, created=NOW, fingerprint="", order=order)


def billed(quantity: Any = 10, net: Any = None, unit: str = "EA", **more: Any) -> BilledLine:
    """A line of an invoice."""
    amount = Decimal(str(quantity)) * 5 if net is None else Decimal(str(net))
    fields = {"id": "1", "order_line": "1", "quantity": Decimal(str(quantity)), "unit": unit, "net": amount}
    return BilledLine.model_validate(fields | more)


def invoice(*lines: BilledLine, n: int = 1, currency: str = "EUR") -> BilledInvoice:
    """An invoice of some lines."""
    return BilledInvoice(
        ref=Reference(f"i{n:024d}"),
        order=ORDER,
        at=NOW,
        number=f"R{n}",
        supplier="ACME",
        currency=currency,
        lines=lines,
    )


def receipt(quantity: Any, id: str = "a", complete: bool = False, **more: Any) -> Receipt:
    """So much of line 1 has come."""
    goods = GoodsReceived.model_validate(
        {"lines": [{"line": "1", "quantity": quantity} | more], "complete": complete}
    )
    return Receipt(id=id, received=NOW, goods=goods)


def verdict(*receipts: Receipt, of: BilledInvoice | None = None, policy: GoodsPolicy = EXACT) -> str:
    """What is said of one line."""
    return match(order_of(line()), receipts, [], of or invoice(billed()), policy).verdict


def test_invoice_waits_until_its_goods_are_there() -> None:
    """In parts, too."""
    assert verdict() == "waiting"
    assert verdict(receipt(4)) == "waiting"
    assert verdict(receipt(4), receipt(6, "b")) == "matched"


def test_more_goods_than_are_billed_are_no_reason_to_wait() -> None:
    """Who bills less than came is paid what is billed."""
    assert verdict(receipt(12)) == "matched"


@pytest.mark.parametrize(
    ("due", "percent", "expected"),
    [
        (None, 0, "matched"),
        ("50.02", 0, "matched"),
        ("50.03", 0, "mismatch"),
        ("51.00", 2, "matched"),
        ("60.00", 2, "mismatch"),
        ("40.00", 0, "matched"),
    ],
)
def test_what_is_billed_beside_the_lines_was_not_ordered(
    due: str | None, percent: int, expected: str
) -> None:
    """Charges on the whole, rounding: within the tolerance of prices, or a person looks."""
    policy = GoodsPolicy(wait=timedelta(days=30), price_percent=Decimal(percent))
    one = invoice(billed()).model_copy(update={"due": Decimal(due) if due else None})
    found = match(order_of(line()), [receipt(10)], [], one, policy)
    assert found.verdict == expected
    if expected == "mismatch":
        (told,) = findings(found)
        assert (told.rule, "beside its lines" in told.text) == ("SETTLE-MATCH-PRICE", True)


def test_money_for_no_goods_is_not_what_was_ordered() -> None:
    """Also where the order has no price."""
    order = order_of(line(price=None))
    for one in (billed(0, net=100), billed(-1, net=100)):
        assert match(order, [receipt(10)], [], invoice(one), EXACT).verdict == "mismatch"
    for one in (billed(10, net=100), billed(-1, net=-100), billed(0, net=0)):
        assert match(order, [receipt(10)], [], invoice(one), EXACT).verdict == "matched"


def test_what_is_due_is_without_vat_and_before_what_was_paid() -> None:
    """Amounts below zero hide nothing; an invoice without lines bills all of it beside them."""

    def due(**totals: str) -> Decimal | None:
        made = Invoice(
            kind="ubl-invoice", totals=Totals(**{name: Decimal(text) for name, text in totals.items()})
        )
        return billed_invoice(made, Reference("i" + "1" * 24), ORDER, NOW).due

    assert due() is None
    assert due(payable="119", tax="19") == 100
    assert due(payable="69", tax="19", prepaid="50") == 100
    assert due(payable="119", tax="-19", prepaid="-50") == 119
    none = invoice().model_copy(update={"due": Decimal(100)})
    assert match(order_of(line()), [receipt(10)], [], none, EXACT).verdict == "mismatch"


def test_what_nothing_can_mend_does_not_wait() -> None:
    """More billed than ordered, another price, unit, currency or item: no goods would help."""
    assert verdict(of=invoice(billed(11))) == "mismatch"
    assert verdict(of=invoice(billed(10, net=60))) == "mismatch"
    assert verdict(of=invoice(billed(unit="KGM"))) == "mismatch"
    assert verdict(of=invoice(billed(), currency="USD")) == "mismatch"
    assert verdict(of=invoice(billed(order_line="7"))) == "mismatch"


def test_complete_delivery_that_is_short_does_not_wait() -> None:
    """The dock said that nothing more comes."""
    assert verdict(receipt(9, complete=True)) == "mismatch"
    assert verdict(receipt(10, complete=True)) == "matched"


def test_tolerance_is_the_larger_of_percent_and_units() -> None:
    """Of what was ordered, not of what came."""
    percent = GoodsPolicy(wait=EXACT.wait, quantity_percent=Decimal(10))
    units = GoodsPolicy(wait=EXACT.wait, quantity_units=Decimal(1))
    for policy in (percent, units):
        assert verdict(receipt(9), policy=policy) == "matched"
        assert verdict(receipt("8.99"), policy=policy) == "waiting"
        assert verdict(receipt(10), of=invoice(billed(11)), policy=policy) == "matched"
        assert verdict(receipt(11), of=invoice(billed("11.01")), policy=policy) == "mismatch"


def test_price_is_compared_by_what_the_line_costs() -> None:
    """A charge on the line counts, a cent of rounding does not."""
    assert verdict(receipt(10), of=invoice(billed(10, net="50.01"))) == "matched"
    assert verdict(receipt(10), of=invoice(billed(10, net="50.02"))) == "mismatch"
    assert verdict(receipt(10), of=invoice(billed(10, net="49.50"))) == "mismatch"
    lenient = GoodsPolicy(wait=EXACT.wait, price_percent=Decimal(2))
    assert verdict(receipt(10), of=invoice(billed(10, net="51.01")), policy=lenient) == "matched"
    assert verdict(receipt(10), of=invoice(billed(10, net="51.02")), policy=lenient) == "mismatch"


def test_price_for_a_hundred_is_a_price_for_one() -> None:
    """BT-149 of the order, and no price at all: nothing to compare."""
    hundred = order_of(line(price="500.00", base_quantity=100))
    assert match(hundred, [receipt(10)], [], invoice(billed()), EXACT).verdict == "matched"
    free = order_of(line(price=None))
    assert match(free, [receipt(10)], [], invoice(billed(10, net=999)), EXACT).verdict == "matched"


def test_earlier_invoices_count() -> None:
    """Ten ordered and received: the second invoice over ten is one too many, a part of it is not."""
    two = [invoice(billed(6), n=1)]
    found = match(order_of(line()), [receipt(10)], two, invoice(billed(4), n=2), EXACT)
    assert found.verdict == "matched"
    assert (found.lines[0].billed_before, found.lines[0].billed) == (6, 4)
    assert match(order_of(line()), [receipt(10)], two, invoice(billed(5), n=2), EXACT).verdict == "mismatch"
    assert match(order_of(line()), [receipt(6)], two, invoice(billed(4), n=2), EXACT).verdict == "waiting"


def test_goods_in_another_unit_are_not_converted() -> None:
    """They do not count, and a person looks."""
    found = match(order_of(line()), [receipt(10, unit="KGM")], [], invoice(billed()), EXACT)
    assert (found.verdict, found.lines[0].received) == ("mismatch", 0)
    assert [one.rule for one in findings(found)] == ["SETTLE-MATCH-UNIT", "SETTLE-MATCH-QUANTITY"]


def test_end_of_time_makes_what_is_missing_a_mismatch() -> None:
    """With the three numbers in the finding."""
    late = ended_late(match(order_of(line(name="Oil")), [receipt(4)], [], invoice(billed()), EXACT))
    (told,) = findings(late)
    assert late.verdict == "mismatch"
    assert told.rule == "SETTLE-MATCH-QUANTITY"
    assert told.text == "Order line 1 (Oil): ordered 10, received 4, billed 10 (EA)."


def test_line_that_is_given_back_needs_no_goods() -> None:
    """A line of a negative quantity takes from the others of its order line."""
    assert verdict(receipt(6), of=invoice(billed(10), billed(-4, id="2"))) == "matched"
    assert verdict(of=invoice(billed(-4))) == "matched"


def test_match_of_an_endless_invoice_is_short() -> None:
    """What does not match comes first."""
    lines = [line(str(n)) for n in range(1_000)]
    found = match(
        order_of(*lines), [], [], invoice(*(billed(id=str(n), order_line="x") for n in range(500))), EXACT
    )
    assert (len(found.lines), found.left_out) == (MOST_LINES, 1_500 - MOST_LINES)
    assert found.lines[0].state == "mismatch"
    assert len(findings(found)) == 50


# ---------------------------------------------------------------- which line is meant


LINES = (
    line("1", name="Oil", seller_item_id="S-1", buyer_item_id="B-1"),
    line("00020", name="Salt", seller_item_id="S-2"),
    line("3", name="Salt", standard_item_id="4012345678901"),
)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"order_line": "1"}, 0),
        ({"order_line": "20"}, 1),
        ({"order_line": " 00020 "}, 1),
        ({"order_line": "9"}, None),
        ({"order_line": "9", "seller_item_id": "S-1"}, None),
        ({"order_line": "1", "seller_item_id": "S-2"}, None),
        ({"order_line": "1", "seller_item_id": "unheard of"}, 0),
        ({"seller_item_id": "s-2"}, 1),
        ({"buyer_item_id": "B-1"}, 0),
        ({"standard_item_id": "4012345678901"}, 2),
        ({"seller_item_id": "S-1", "standard_item_id": "4012345678901"}, None),
        ({"name": "  OIL "}, 0),
        ({"name": "Salt"}, None),
        ({"name": "Pepper"}, None),
        ({}, None),
    ],
)
def test_line_of_the_order_that_is_meant(stated: dict[str, str], expected: int | None) -> None:
    """Reference, item id, name; what can be meant in two ways, or contradicts itself, is for a person."""
    assert Assigner(LINES).of_invoice([BilledLine.model_validate(stated)]) == (expected,)


def test_only_line_is_meant_without_a_word() -> None:
    """One line ordered, one billed."""
    assert Assigner(LINES[:1]).of_invoice([BilledLine(name="Olive oil 5 l")]) == (0,)
    assert Assigner(LINES[:1]).of_invoice([BilledLine(name="a"), BilledLine(name="b")]) == (None, None)
    assert Assigner(LINES[:1]).of_invoice([BilledLine(name="a", seller_item_id="X")]) == (None,)


# ---------------------------------------------------------------- whatever comes in whatever order

quantities = st.decimals(-1000, 1000, places=3, allow_nan=False)
parts = st.fixed_dictionaries(
    {"line": st.sampled_from(["1", "2", "x"]), "quantity": quantities},
    optional={"unit": st.sampled_from(["EA", "KGM"])},
)
receipts = st.lists(
    st.builds(
        Receipt,
        id=st.text("abcdef", min_size=1, max_size=2),
        received=st.just(NOW),
        goods=st.none()
        | st.builds(
            lambda lines, complete: GoodsReceived.model_validate({"lines": lines, "complete": complete}),
            st.lists(parts, max_size=3),
            st.booleans(),
        ),
    ),
    max_size=8,
    unique_by=lambda one: one.id,
)
invoices = st.lists(
    st.builds(
        lambda lines: invoice(*lines),
        st.lists(st.builds(lambda q, ref: billed(q, order_line=ref), quantities, st.sampled_from("12x"))),
    ),
    max_size=4,
)
TWO = order_of(line("1"), line("2", quantity=5))


@given(receipts, invoices, st.randoms())
def test_order_and_doubles_do_not_matter(came: list[Receipt], before: list[BilledInvoice], by: Any) -> None:
    """Of receipts, and of earlier invoices."""
    first = match(TWO, came, before, invoice(billed(), billed(3, id="2", order_line="2")), EXACT)
    mixed = came + [by.choice(came) for _ in range(3) if came]
    by.shuffle(mixed)
    by.shuffle(before)
    again = match(TWO, mixed, before, invoice(billed(), billed(3, id="2", order_line="2")), EXACT)
    assert again == first


@given(receipts, invoices)
def test_sums_are_never_negative(came: list[Receipt], before: list[BilledInvoice]) -> None:
    """Whatever was taken back or credited."""
    found = match(TWO, came, before, invoice(billed()), EXACT)
    assert all(one.received >= 0 and one.billed_before >= 0 for one in found.lines)
    assert all(quantity >= 0 for quantity in received(TWO.order.lines, came).quantities)


@given(receipts, invoices, st.decimals(0, 100, places=2), st.decimals(0, 100, places=2))
def test_matched_means_never_more_than_ordered_and_received(
    came: list[Receipt], before: list[BilledInvoice], percent: Decimal, units: Decimal
) -> None:
    """Within the tolerance, whatever it is."""
    policy = GoodsPolicy(wait=EXACT.wait, quantity_percent=percent, quantity_units=units)
    found = match(TWO, came, before, invoice(billed(), billed(3, id="2", order_line="2")), policy)
    for one in found.lines:
        if one.state == "matched" and one.ordered is not None:
            allowed = policy.quantity(one.ordered)
            assert one.billed_before + one.billed <= min(one.ordered, one.received) + allowed


@given(receipts, st.lists(st.tuples(st.text("gh", min_size=1, max_size=3), quantities), max_size=3))
def test_more_goods_never_make_a_matched_invoice_wait(came: list[Receipt], more: list[Any]) -> None:
    """Waiting ends once: more of what counts in the right unit takes nothing away."""
    before = match(TWO, came, [], invoice(billed()), EXACT)
    added = {name: receipt(abs(quantity), name) for name, quantity in more}
    after = match(TWO, [*came, *added.values()], [], invoice(billed()), EXACT)
    if before.verdict == "matched":
        assert after.verdict == "matched"
