"""The inbox as pure functions: what is found, in which order, and what it adds up to."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from invoicing.records.approval import InboxEntry
from invoicing.records.base import ApprovalId, Reference
from stores import approval_names, approvals
from tests.fakes.memory_blobs import MemoryBlobs
from web.views.inbox import PAGE, Filter, inbox, owed, parse_filter

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
ANN, BOB = "ann.roth@example.com", "bob.lang@example.com"


def item(n: int, **changes: object) -> InboxEntry:
    """An open approval that waits for `n` hours for Ann."""
    since = NOW - timedelta(hours=n)
    plain = InboxEntry(
        approval=ApprovalId(f"a{n:024x}"),
        ref=Reference(f"i{n:024x}"),
        supplier=f"Supplier {n}",
        number=f"RE-{n}",
        amount=Decimal(100 * n),
        currency="EUR",
        stage="clerk",
        approvers=(ANN,),
        since=since,
        created=since,
        findings=0,
        batch=None,
    )
    return plain.model_copy(update=changes)


def found(items: list[InboxEntry], **wanted: object) -> list[str]:
    """The numbers of the invoices that a filter leaves, in order."""
    shown = inbox(items, Filter(**wanted), ANN, NOW)  # type: ignore[arg-type]
    return [row.number for row in shown.rows]


def test_longest_waiting_comes_first() -> None:
    """Without a wish, the oldest is at the top."""
    assert found([item(1), item(3), item(2)]) == ["RE-3", "RE-2", "RE-1"]
    assert found([item(1), item(3), item(2)], sort="newest") == ["RE-1", "RE-2", "RE-3"]


def test_amounts_sort_within_their_currency_and_missing_ones_last() -> None:
    """Amounts of two currencies cannot be compared, a credit note counts by its size."""
    items = [item(1), item(2, amount=Decimal(-900)), item(3, currency="CHF"), item(4, amount=None)]
    assert found(items, sort="amount") == ["RE-3", "RE-2", "RE-1", "RE-4"]
    assert found(items, sort="smallest") == ["RE-3", "RE-1", "RE-2", "RE-4"]
    items[1] = item(2, amount=Decimal(900), type_code="381")
    assert found(items, sort="amount") == ["RE-3", "RE-2", "RE-1", "RE-4"]
    assert found(items, sort="smallest") == ["RE-3", "RE-1", "RE-2", "RE-4"]
    assert found(items, least=Decimal(900)) == ["RE-2"]


def test_suppliers_sort_as_people_read_them() -> None:
    """Case and accents do not matter; who is not named comes last."""
    items = [
        item(1, supplier="Zeta"),
        item(2, supplier="émile"),
        item(3, supplier=None),
        item(4, supplier="Emma"),
    ]
    assert found(items, sort="supplier") == ["RE-2", "RE-4", "RE-1", "RE-3"]


def test_search_looks_at_supplier_and_number() -> None:
    """Every word has to be there, in whatever order, case and accent."""
    items = [item(1, supplier="Zakłady Metalowe"), item(2, supplier="Café Müller", number="A 77")]
    assert found(items, supplier="muller CAFE") == ["A 77"]
    assert found(items, supplier="77") == ["A 77"]
    assert found(items, supplier="metalowe 77") == []


def test_filters_narrow_together() -> None:
    """Stage, mine, remarks, currency and amounts each leave something out."""
    items = [
        item(1, stage="management"),
        item(2, approvers=(BOB,)),
        item(3, findings=2),
        item(4, currency="SEK"),
        item(5, amount=Decimal("-450.00")),
    ]
    assert found(items, stage="management") == ["RE-1"]
    assert found(items, mine=True) == ["RE-5", "RE-4", "RE-3", "RE-1"]
    assert found(items, findings="with") == ["RE-3"]
    assert found(items, findings="without", currency="EUR") == ["RE-5", "RE-2", "RE-1"]
    assert found(items, least=Decimal(300), most=Decimal(450)) == ["RE-5", "RE-4", "RE-3"]


def test_sums_are_by_currency_and_of_all_that_match() -> None:
    """Not of one page only, and never of two currencies together."""
    items = [item(n) for n in range(1, PAGE + 11)] + [item(99, currency="SEK")]
    shown = inbox(items, Filter(), BOB, NOW)
    assert shown.sums == [
        ("EUR", sum(Decimal(100 * n) for n in range(1, PAGE + 11)), PAGE + 10),
        ("SEK", Decimal(9900), 1),
    ]
    assert (len(shown.rows), shown.pages, shown.found, shown.mine) == (PAGE, 2, PAGE + 11, 0)


def test_credit_notes_are_subtracted() -> None:
    """In the sums and in their rows; a currency can owe us together."""
    items = [
        item(1),
        item(3, type_code="380"),
        item(5, type_code=" 381 "),
        item(2, currency="SEK", type_code="381"),
        item(4, amount=None, type_code="381"),
    ]
    shown = inbox(items, Filter(), ANN, NOW)
    assert shown.sums == [("EUR", Decimal(-100), 3), ("SEK", Decimal(-200), 1)]
    assert [row.amount for row in shown.rows] == [-500, None, 300, -200, 100]


def test_entries_of_the_list_are_read_with_and_without_a_type_code() -> None:
    """Those that were written before have none, and count as invoices."""
    blobs = MemoryBlobs()
    for n, more in ((1, {}), (2, {"type_code": "381"}), (3, {"type_code": None})):
        plain = item(n)
        entry = {
            **plain.as_plain(),
            "amount": "100.00",
        }
        del entry["type_code"]
        blobs.write(approval_names.inbox(plain.approval), b"", {"item": json.dumps(entry | more)})
    listed = list(reversed(approvals.inbox(blobs)))
    assert [one.type_code for one in listed] == [None, "381", None]
    assert [owed(one) for one in listed] == [100, -100, 100]


def test_a_page_beyond_the_last_is_the_last() -> None:
    """Somebody else decided meanwhile, and the address still says page 2."""
    assert found([item(1)], page=7) == ["RE-1"]


def test_a_row_says_what_is_missing() -> None:
    """No name, no number, no amount: words and not holes."""
    (row,) = inbox(
        [item(130, supplier=None, number=None, amount=None, currency=None)], Filter(), ANN, NOW
    ).rows
    assert (row.supplier, row.number, row.amount) == ("Supplier not named", "without a number", None)
    assert (row.waited, row.long, row.mine) == ("5 days", True, True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1234.5", "1234.5"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1.234", "1234"),
        ("1 234,5", "1234.5"),
        ("12,5", "12.5"),
        ("1,234,567", "1234567"),
    ],
)
def test_amounts_are_read_as_people_type_them(text: str, value: str) -> None:
    """With the marks of either side of the Channel."""
    assert parse_filter({"least": text}).least == Decimal(value)


def test_what_cannot_be_read_is_told_and_left_out() -> None:
    """A filter that fails must not look like an empty inbox."""
    wanted = parse_filter({"least": "lots", "most": "NaN", "sort": "colour", "findings": "x", "page": "-1"})
    assert (wanted.least, wanted.most, wanted.sort, wanted.findings, wanted.page) == (
        None,
        None,
        "oldest",
        "",
        1,
    )
    assert len(wanted.problems) == 2
    assert "lots" in wanted.problems[0]


def test_the_address_keeps_the_filter() -> None:
    """The link to the next page changes nothing but the page."""
    given = {"supplier": "Café & Co", "mine": "1", "least": "1.000", "sort": "amount"}
    wanted = parse_filter(given)
    address = wanted.address(page=2)
    assert address == "/inbox?supplier=Caf%C3%A9+%26+Co&mine=1&least=1000&sort=amount&page=2"
    assert Filter().address() == "/inbox"
    assert wanted.narrows
    assert not Filter(sort="amount").narrows
