"""Totals: what counts, what subtracts, and what is kept apart."""

import random
from decimal import Decimal
from typing import Any

import pytest

from invoicing.report.totals import Totals, amount, rate_text
from tests.unit.report_rows import finding, invoice, row, rows, typed


def _totals(*added: dict[str, Any]) -> dict[str, Any]:
    totals = Totals()
    for one in added:
        totals.add(typed(one))
    return totals.result().as_plain()


def test_empty_batch_has_totals() -> None:
    """No key is missing, so a report can be written of nothing."""
    totals = _totals()
    assert (totals["documents"], totals["currencies"], totals["tax"]) == (0, [], [])
    assert totals["findings"] == {"fatal": 0, "warning": 0, "information": 0}


@pytest.mark.parametrize("code", ["381", "261", "262", "296", "308", "396", "420", "458", "532", "83"])
def test_credit_notes_subtract(code: str) -> None:
    """Their amounts are positive on paper and reduce what is to be paid, in every total."""
    credit = row(2, invoice=invoice(type_code=code, net="30", tax="5.70", gross="35.70", payable="35.70"))
    credit["invoice"]["tax_breakdown"] = [{"category": "S", "rate": "19", "taxable": "30", "tax": "5.70"}]
    totals = _totals(row(1), credit)
    (money,) = totals["currencies"]
    assert (money["documents"], money["credit_notes"]) == (2, 1)
    assert (money["net"], money["tax"], money["gross"], money["payable"]) == (
        "70.00",
        "13.30",
        "83.30",
        "83.30",
    )
    assert totals["tax"] == [
        {"currency": "EUR", "category": "S", "rate": "19", "documents": 2, "taxable": "70.00", "tax": "13.30"}
    ]
    assert [supplier["gross"] for supplier in totals["suppliers"]] == ["83.30"]


@pytest.mark.parametrize("outcome", ["invalid", "duplicate"])
def test_only_valid_documents_count_as_money(outcome: str) -> None:
    """What others ask for is added up apart, by outcome and currency."""
    totals = _totals(row(1), row(2, outcome=outcome), row(3, outcome=outcome))
    assert [money["gross"] for money in totals["currencies"]] == ["119.00"]
    (apart,) = totals["not_counted"]
    assert (apart["outcome"], apart["documents"], apart["gross"]) == (outcome, 2, "238.00")
    assert totals["outcomes"] == {outcome: 2, "valid": 1}
    (supplier,) = totals["suppliers"]
    assert (supplier["outcomes"], supplier["gross"]) == ({outcome: 2, "valid": 1}, "119.00")


def test_unreadable_and_set_aside_documents_are_counted_without_money() -> None:
    """They have no invoice, and still are documents of the batch."""
    gone = [row(n, outcome=o, kind=None, invoice=None) for n, o in ((1, "unreadable"), (2, "set_aside"))]
    totals = _totals(*gone)
    assert totals["outcomes"] == {"unreadable": 1, "set_aside": 1}
    assert (totals["suppliers"], totals["not_counted"], totals["kinds"]) == ([], [], {"other": 2})


def test_currencies_are_never_added_to_each_other() -> None:
    """The one with most documents comes first."""
    totals = _totals(*(row(n, invoice=invoice(currency=c)) for n, c in enumerate(["SEK", "EUR", "EUR"])))
    assert [(t["currency"], t["gross"]) for t in totals["currencies"]] == [
        ("EUR", "238.00"),
        ("SEK", "119.00"),
    ]
    assert [(t["supplier"], t["currency"]) for t in totals["suppliers"]] == [
        ("Nordlicht Bürobedarf GmbH", "EUR"),
        ("Nordlicht Bürobedarf GmbH", "SEK"),
    ]


def test_supplier_is_one_by_vat_id_however_its_name_is_written() -> None:
    """Another spelling of the name or of the VAT id is not another supplier."""
    other = invoice(seller="NORDLICHT BÜROBEDARF", seller_vat_id="DE 123 456 789")
    assert len(_totals(row(1), row(2, invoice=other))["suppliers"]) == 1


def test_supplier_without_a_valid_document_is_listed() -> None:
    """With no money, so that it is not forgotten."""
    (supplier,) = _totals(row(1, outcome="invalid"))["suppliers"]
    assert (supplier["outcomes"], supplier["currency"], supplier["gross"]) == ({"invalid": 1}, "", "0.00")


def test_rates_are_grouped_by_value() -> None:
    """19, 19.0 and 19.00 are one rate; a document that is not subject to VAT has none."""
    rates = [Decimal(rate) for rate in ("19", "19.0", "19.00", "5.5", "0", "100")]
    assert [rate_text(rate) for rate in (*rates, None)] == [
        *["19"] * 3, "5.5", "0", "100", ""
    ]  # fmt: skip


def test_rules_are_counted_by_document_and_by_finding() -> None:
    """Errors come before warnings."""
    warning = finding("W-1", "warning", "w", "settle")
    error = finding("E-1", "fatal", "e", "settle")
    totals = _totals(row(1, findings=[warning, error, error]), row(2, findings=[warning]))
    assert totals["rules"] == [
        {"rule": "E-1", "severity": "fatal", "documents": 1, "findings": 2},
        {"rule": "W-1", "severity": "warning", "documents": 2, "findings": 2},
    ]
    assert totals["findings"] == {"fatal": 2, "warning": 2, "information": 0}


def test_missing_and_absurd_amounts_do_no_harm() -> None:
    """An amount that is missing adds nothing, and neither does one of a hundred digits."""
    strange = invoice(net=None, tax=None, gross="9" * 100, payable="1E+999")
    (money,) = _totals(row(1), row(2, invoice=strange))["currencies"]
    assert (money["documents"], money["net"], money["gross"], money["payable"]) == (
        2,
        "100.00",
        "119.00",
        "119.00",
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.00"),
        ("-0.00", "0.00"),
        ("1.5", "1.50"),
        ("1E+3", "1000.00"),
        ("-7.005", "-7.005"),
        ("9" * 29, "9" * 29 + ".00"),
    ],
)
def test_amounts_keep_every_digit(value: str, text: str) -> None:
    """Two decimals, and more only where rounding would lose money."""
    assert f"{amount(Decimal(value)):f}" == text


def test_totals_do_not_depend_on_the_order_of_the_rows() -> None:
    """Except for the spelling of a supplier's name, which is that of its first document."""
    data = list(rows(300))
    assert _totals(*data) == _totals(*random.Random(3).sample(data, len(data)))
