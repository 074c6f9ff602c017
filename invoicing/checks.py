"""Settle's own checks of an invoice that was read: sums, accounts, VAT ids and dates.

The official rules are the authority. Where they ran, a check that they make as well (``SETTLE-SUM-LINES`` is
their BR-CO-10, and so on) is left to them, so that no mistake is told twice. Sums are exact after rounding
to two digits, as in those rules, and the VAT of a category may be off by less than one (BR-CO-17). A check
with a missing operand is left out: that something is missing is not a wrong sum.

A wrong IBAN is a *warning* that blocks payment (`findings.PAYMENT_BLOCKERS`): the invoice may be right, but
it must not be paid to this account. A VAT id that fails its checksum is a warning and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import ROUND_FLOOR, Context, Decimal, localcontext
from functools import lru_cache

from stdnum import bic, iban

from invoicing import vat_ids
from invoicing.findings import Finding, finding
from invoicing.model import AllowanceCharge, Invoice, Line, Party, iban_like

EARLIEST_YEAR = 2000
"""Dates before it are taken for a slip: the electronic formats are younger."""

YEARS_AHEAD = 10

_ENOUGH_DIGITS = Context(prec=200)
"""The readers take numbers of up to 60 digits; at Python's usual 28 their products would not be exact."""

_CENT = Decimal("0.01")
_LINE_TOLERANCE = Decimal("0.02")
_TAX_TOLERANCE = Decimal(1)
_ZERO = Decimal(0)
_SEPA_TRANSFER = "58"
_REMEMBERED = 10_000
"""Accounts whose check is remembered: the same suppliers come again and again."""

MAX_TAX_COMPARISONS = 1_000_000
"""Rows of the VAT breakdown times lines, allowances and charges. The official rules add up all of those for
each row: a million comparisons take them four seconds. An invoice of 10,000 lines may have 100 rows."""


def too_much_for_the_rules(invoice: Invoice) -> list[Finding]:
    """Find an invoice over which the official rules would take minutes: they must not run over it."""
    rows, parts = len(invoice.tax_breakdown), len(invoice.lines) + len(invoice.allowances)
    if rows * parts <= MAX_TAX_COMPARISONS:
        return []
    text = (
        f"The invoice has {rows:,} rows of VAT breakdown for {parts:,} lines, allowances and charges: too "
        "many for the official rules. Put what has the same VAT category and rate into one row."
    )
    return [finding("SETTLE-RULES-LIMIT", text)]


def check(
    invoice: Invoice, *, official: bool, minimum: bool = False, today: date | None = None
) -> list[Finding]:
    """Run all checks that apply; returns what they found.

    ``official``: the EN 16931 rules ran over it. ``minimum``: its profile is Factur-X MINIMUM, which
    states no prepaid amount. ``today`` is the caller's date; without it nothing is said of the future.
    """
    with localcontext(_ENOUGH_DIGITS):
        found = [] if official else list(_sums(invoice, minimum))
        found += _line_amounts(invoice.lines)
    found += _accounts(invoice)
    found += _vat_ids(invoice)
    found += _dates(invoice, today)
    return found


def _sums(invoice: Invoice, minimum: bool) -> Iterator[Finding]:
    yield from _parts(invoice)
    yield from _totals(invoice, minimum)
    yield from _tax_rows(invoice)


def _parts(invoice: Invoice) -> Iterator[Finding]:
    """BT-106 to BT-108 and BT-110 against their parts; profiles without lines have none to add."""
    totals = invoice.totals
    allowances, charges = _split(invoice.allowances)
    if invoice.lines:
        yield from _compare("SETTLE-SUM-LINES", totals.lines, _add(line.net for line in invoice.lines))
    yield from _compare("SETTLE-SUM-ALLOWANCES", totals.allowances, _add(allowances))
    yield from _compare("SETTLE-SUM-CHARGES", totals.charges, _add(charges))
    if invoice.tax_breakdown:
        yield from _compare("SETTLE-SUM-TAX", totals.tax, _add(row.tax for row in invoice.tax_breakdown))


def _totals(invoice: Invoice, minimum: bool) -> Iterator[Finding]:
    """BT-109, BT-112 and BT-115 against the totals they come from."""
    totals = invoice.totals
    if totals.lines is not None:
        net = totals.lines - (totals.allowances or _ZERO) + (totals.charges or _ZERO)
        yield from _compare("SETTLE-SUM-NET", totals.net, net)
    if totals.net is not None:
        yield from _compare("SETTLE-SUM-GROSS", totals.gross, totals.net + (totals.tax or _ZERO))
    if totals.gross is not None and not minimum:
        payable = totals.gross - (totals.prepaid or _ZERO) + (totals.rounding or _ZERO)
        yield from _compare("SETTLE-SUM-PAYABLE", totals.payable, payable)


def _tax_rows(invoice: Invoice) -> Iterator[Finding]:
    for row in invoice.tax_breakdown:
        if row.taxable is None or row.tax is None or row.rate is None:
            continue
        expected = _rounded(row.taxable * row.rate / 100)
        if abs(row.tax - expected) >= _TAX_TOLERANCE:
            what = f"VAT category {row.category or '?'}, {row.rate} % of {row.taxable}"
            yield finding("SETTLE-SUM-TAX-ROW", f"{what} is {expected}, but the invoice says {row.tax}.")


def _line_amounts(lines: Iterable[Line]) -> Iterator[Finding]:
    """BT-131 against quantity and price. EN 16931 demands it in words, but has no rule that checks it."""
    for line in lines:
        expected = _line_amount(line)
        if expected is not None and line.net is not None and abs(line.net - expected) > _LINE_TOLERANCE:
            text = f"Quantity, price, allowances and charges make {expected}, but the line says {line.net}."
            yield finding("SETTLE-SUM-LINE", text, f"invoice line {line.id or '?'}")


def _line_amount(line: Line) -> Decimal | None:
    base = Decimal(1) if line.base_quantity is None else line.base_quantity
    allowances, charges = _split(line.allowances)
    reduction, addition = _add(allowances), _add(charges)
    if line.quantity is None or line.price is None or base == 0 or reduction is None or addition is None:
        return None
    return _rounded(line.quantity * line.price / base - reduction + addition)


def _accounts(invoice: Invoice) -> Iterator[Finding]:
    """BT-84 and BT-86. An account without the form of an IBAN is a national one, unless SEPA is asked for."""
    for means in invoice.payment_means:
        if means.account and _is_wrong_account(means.account, means.code):
            yield finding("SETTLE-IBAN", f"{means.account} is not a valid IBAN: check it with the supplier.")
        if means.bic and not bic.is_valid(means.bic):
            yield finding("SETTLE-BIC", f"{means.bic} is not a valid BIC.")


def _is_wrong_account(account: str, code: str | None) -> bool:
    number = iban_like(account)
    if number is None:
        return code == _SEPA_TRANSFER
    return not _is_iban(number)


@lru_cache(_REMEMBERED)
def _is_iban(number: str) -> bool:
    """Check digits, and the length and form that the country has registered: ISO 13616, and no more.

    What else a country knows may be out of date: banks come and go, and an account with a new one is right.
    """
    return iban.is_valid(number, check_country=False)


def _vat_ids(invoice: Invoice) -> Iterator[Finding]:
    """BT-31, BT-48 and BT-63."""
    parties = {
        "seller": invoice.seller,
        "buyer": invoice.buyer,
        "tax representative": invoice.tax_representative,
    }
    for role, party in parties.items():
        if party and party.vat_id and not _can_be_right(party.vat_id, party):
            text = f"The VAT id {party.vat_id} of the {role} does not pass the check of its country."
            yield finding("SETTLE-VAT-ID", text)


def _can_be_right(vat_id: str, party: Party) -> bool:
    return vat_ids.is_plausible(vat_id, party.address.country if party.address else None)


def _dates(invoice: Invoice, today: date | None) -> Iterator[Finding]:
    issued, due = invoice.issue_date, invoice.due_date
    if issued and due and due < issued:
        yield finding("SETTLE-DATE-DUE", f"The due date {due} lies before the issue date {issued}.")
    if issued and today and issued > today:
        yield finding("SETTLE-DATE-FUTURE", f"The issue date {issued} lies in the future.")
    latest = today.year + YEARS_AHEAD if today else date.max.year
    for name, value in {"issue date": issued, "due date": due}.items():
        if value and not EARLIEST_YEAR <= value.year <= latest:
            yield finding("SETTLE-DATE-YEAR", f"The {name} {value} has an implausible year.")


def _compare(rule: str, stated: Decimal | None, computed: Decimal | None) -> Iterator[Finding]:
    if stated is None or computed is None or _rounded(stated) == _rounded(computed):
        return
    yield finding(rule, f"The invoice says {stated}, but its parts make {_rounded(computed)}.")


def _add(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Add up; None when one of the amounts is missing."""
    total = _ZERO
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def _split(items: Iterable[AllowanceCharge]) -> tuple[list[Decimal | None], list[Decimal | None]]:
    """Return the amounts of the allowances and those of the charges."""
    listed = list(items)
    return [item.amount for item in listed if not item.is_charge], [i.amount for i in listed if i.is_charge]


def _rounded(amount: Decimal) -> Decimal:
    """Round to cents as the rules' XPath does: halves go up, also below zero."""
    return ((amount / _CENT + Decimal("0.5")).to_integral_value(ROUND_FLOOR) * _CENT).quantize(_CENT)
