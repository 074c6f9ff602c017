"""A policy that compares amounts of all currencies in one: rules, routes, and what is shown of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from activities import routing
from invoicing.approval import names
from invoicing.approval.policy import Policy, PolicyInvalid
from invoicing.approval.policy_file import parse
from invoicing.records.base import ApprovalId, InvoiceId
from stores import rates
from stores.approvals import request_of
from stores.invoices import InvoiceStore
from tests.unit.approvals_on_paper import ANN, BOB
from tests.unit.books import LATER, Books
from tests.unit.rate_files import table
from tests.unit.report_rows import invoice, row
from web.views.lookups import looked_up

STAGE = {"name": "clerk", "approvers": [ANN, BOB], "expire_after": "P14D"}
SMALL = {"name": "small", "when": {"amount_below": "100.00"}, "stages": []}
LARGE = {"name": "large", "when": {"amount_from": "1000.00"}, "stages": [STAGE]}
YEN = {"name": "some yen", "when": {"currency": ["JPY"], "amount_below": "500"}, "stages": []}
REST = {"name": "rest", "when": {}, "stages": [STAGE]}


def _written(**changes: Any) -> bytes:
    people = {person: {"name": person} for person in (ANN, BOB)}
    rules = [YEN, SMALL, LARGE, REST]
    return json.dumps(
        {"version": 1, "people": people, "compare_in": "EUR", "rules": rules} | changes
    ).encode()


class Desk:
    """Invoices that come in alone, a policy, and rates."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, policy: Policy) -> None:
        monkeypatch.setattr("adapters.policies.load", lambda settings: policy)
        self.books = Books()
        self._number = 0

    def bring(self, amount: str | None, currency: str) -> dict[str, Any]:
        """An invoice comes in on 4 May and is routed; returns the route."""
        self._number += 1
        self.ref = InvoiceId(names.invoice_id(f"{self._number:024x}"))
        shown = invoice(payable=amount, gross=amount, currency=currency, number=str(self._number))
        self.books.take_in(self.ref, row(self._number, invoice=shown))
        return self.again()

    def again(self) -> dict[str, Any]:
        """The step is done once more."""
        job = {"invoice": self.ref, "run": "1", "now": LATER}
        self.routed = self.books.call(routing.route_invoice, job)
        return self.routed


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The policy above and the rates of 1 May, which is the Friday before."""
    made = Desk(monkeypatch, parse(_written()))
    rates.keep(made.books.blobs, table("2026-05-01"))
    return made


@pytest.mark.parametrize(
    ("amount", "currency", "rule"),
    [
        ("99.99", "EUR", "small"),
        ("100.00", "EUR", "rest"),
        ("104.11", "USD", "small"),  # 99.99 euros
        ("104.12", "USD", "rest"),  # 100.00 euros
        ("104.115", "USD", "rest"),  # 99.995 euros, which is 100.00 by the rule of rounding
        ("-104.11", "USD", "small"),  # a credit note counts as much
        ("1041.20", "USD", "large"),
        ("499", "JPY", "some yen"),  # a rule with a currency compares as before
        ("501", "JPY", "small"),
        (None, "USD", "rest"),
    ],
)
def test_amounts_of_all_currencies_are_held_against_one_limit(
    desk: Desk, amount: str | None, currency: str, rule: str
) -> None:
    """Rules without a currency compare the converted amount."""
    assert desk.bring(amount, currency)["rule"] == rule


def test_rate_and_day_are_kept_with_the_route_and_shown_with_the_approval(desk: Desk) -> None:
    """So that the decision can be explained later, also where nobody has to approve."""
    desk.bring("104.11", "USD")
    stored = InvoiceStore(desk.books.blobs).route(desk.ref)
    assert stored
    assert stored.comparison
    assert stored.comparison.as_plain() == {
        "currency": "EUR",
        "amount": "99.99",
        "rate": "1.0412",
        "day": "2026-05-01",
        "source": "www.ecb.europa.eu",
    }
    asked = request_of(desk.books.blobs, ApprovalId(desk.bring("2082.40", "USD")["approval"]))
    assert asked.facts.compared == Decimal("2000.00")
    words = "2,000.00 EUR (1 EUR = 1.0412 USD on 1 May 2026, www.ecb.europa.eu)"
    assert looked_up(asked) == [("Compared as", words)]


def test_invoice_that_needs_no_rate_has_no_comparison(desk: Desk) -> None:
    """It is in the currency that is compared in."""
    route = desk.bring("5000.00", "EUR")
    assert "comparison" not in route
    asked = request_of(desk.books.blobs, ApprovalId(route["approval"]))
    assert (asked.comparison, asked.facts.compared, looked_up(asked)) == (None, Decimal("5000.00"), [])


def test_currency_without_a_rate_matches_no_limit_and_the_approver_is_told(desk: Desk) -> None:
    """As before there was any conversion; a finding says why."""
    route = desk.bring("1.00", "ISK")
    assert route["rule"] == "rest"
    asked = request_of(desk.books.blobs, ApprovalId(route["approval"]))
    (found,) = asked.row.findings
    assert (found.rule, found.severity) == ("SETTLE-RATE-NONE", "information")
    assert "2026-05-01" in found.text
    assert "ISK" in found.text
    assert looked_up(asked) == [("Compared as", "not converted to EUR: there was no exchange rate")]


def test_rates_that_are_too_old_do_not_count_and_the_approver_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Eight days, where seven are allowed."""
    desk = Desk(monkeypatch, parse(_written()))
    rates.keep(desk.books.blobs, table("2026-04-26"))
    route = desk.bring("1.00", "USD")
    assert (route["rule"], route["comparison"]["problem"]) == ("rest", "no_rates")
    asked = request_of(desk.books.blobs, ApprovalId(route["approval"]))
    assert [found.rule for found in asked.row.findings] == ["SETTLE-RATES-OLD"]
    desk.books.environment["SETTLE_RATES_DAYS"] = "8"
    assert desk.bring("1.00", "USD")["rule"] == "small"


def test_step_that_is_repeated_takes_the_same_rates(desk: Desk) -> None:
    """Others came in between, and those of the day itself a moment ago."""
    first = desk.bring("104.11", "USD")
    rates.keep(desk.books.blobs, table("2026-05-04", USD="0.5"))
    assert desk.again() == first
    assert first["rule"] == "small"


def test_policy_that_compares_in_no_currency_reads_no_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """It works as before, and what is stored looks as before."""
    desk = Desk(monkeypatch, parse(_written(compare_in=None, rules=[YEN, REST])))
    route = desk.bring("1.00", "USD")
    assert set(route) == {"outcome", "rule", "approval"}
    assert not [name for _, name in desk.books.blobs.calls if name.startswith("rates/")]
    stored = json.loads(desk.books.blobs.read(f"approvals/{route['approval']}/request.json"))
    assert "comparison" not in stored
    assert set(stored["facts"]) == {"amount", "currency", "supplier_known", "findings", "fully_checked"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"compare_in": "euro"}, "compare_in: is not the code of a currency"),
        ({"compare_in": 5}, "compare_in: is not the code of a currency"),
        ({"compare_in": None}, "needs a currency beside it, or the policy a compare_in"),
        ({"rules": [SMALL]}, "the last rule must match everything"),
    ],
)
def test_policy_that_cannot_be_used_is_told_with_the_place(changes: dict[str, Any], problem: str) -> None:
    """An amount alone means something only where the policy says in which currency."""
    with pytest.raises(PolicyInvalid, match=problem):
        parse(_written(**changes))
