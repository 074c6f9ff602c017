"""The totals of a batch: counts of all documents, money of those that are valid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal

from invoicing.document_types import is_credit_note
from invoicing.duplicates import compact
from invoicing.findings import Finding, Severity
from invoicing.records.batch import Counts
from invoicing.records.document import DocumentRow, InvoiceSummary, Outcome
from invoicing.records.report import (
    BatchTotals,
    CurrencySums,
    NotCounted,
    RuleCount,
    SupplierSums,
    TaxSums,
)

_CENT = Decimal("0.01")
_SEVERITIES: tuple[Severity, ...] = ("fatal", "warning", "information")
# More digits than the default 28, so that no batch is large enough to be rounded.
_EXACT = Context(prec=60)
_ABSURD = 30


@dataclass
class _Money:
    """Amounts of one group; a credit note's are subtracted."""

    documents: int = 0
    credit_notes: int = 0
    net: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)
    payable: Decimal = Decimal(0)

    def add(self, invoice: InvoiceSummary, sign: int) -> None:
        self.documents += 1
        self.credit_notes += sign < 0
        self.net = _added(self.net, invoice.net, sign)
        self.tax = _added(self.tax, invoice.tax, sign)
        self.gross = _added(self.gross, invoice.gross, sign)
        self.payable = _added(self.payable, invoice.payable, sign)

    def amounts(self) -> dict[str, Decimal]:
        """The sums by their names in `records.report.Sums`."""
        return {
            "net": amount(self.net),
            "tax": amount(self.tax),
            "gross": amount(self.gross),
            "payable": amount(self.payable),
        }


@dataclass
class _Supplier:
    name: str
    vat_id: str | None
    country: str | None
    outcomes: Counter[Outcome] = field(default_factory=Counter[Outcome])
    money: dict[str, _Money] = field(default_factory=dict[str, _Money])


@dataclass
class _Tax:
    documents: int = 0
    taxable: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)


@dataclass
class _Rule:
    severity: Severity
    documents: int = 0
    findings: int = 0


class Totals:
    """Adds up result rows; memory grows with the number of suppliers and rules, not of documents.

    Money is that of the documents with the outcome ``valid``, by currency and never across currencies. Credit
    notes subtract. What the other documents ask for is added up apart, so that nothing is lost from sight.
    """

    def __init__(self) -> None:
        self._documents = 0
        self._bytes = 0
        self._outcomes: Counter[Outcome] = Counter()
        self._kinds: Counter[str] = Counter()
        self._severities: Counter[Severity] = Counter()
        self._currencies: dict[str, _Money] = {}
        self._not_counted: dict[tuple[Outcome, str], _Money] = {}
        self._suppliers: dict[str, _Supplier] = {}
        self._tax: dict[tuple[str, str, str], _Tax] = {}
        self._rules: dict[str, _Rule] = {}

    def add(self, row: DocumentRow) -> None:
        """Take in one result row, with the outcome it has in the end (duplicates and set-aside applied)."""
        self._documents += 1
        self._bytes += row.size
        self._outcomes[row.outcome] += 1
        self._kinds[row.kind or "other"] += 1
        self._add_findings(row.findings)
        if row.invoice:
            self._add_invoice(row.outcome, row.invoice)

    @property
    def outcomes(self) -> Counts:
        """Documents by outcome."""
        return dict(self._outcomes.most_common())

    def result(self) -> BatchTotals:
        """Return the totals; lists are sorted for reading."""
        return BatchTotals(
            documents=self._documents,
            bytes=self._bytes,
            outcomes=self.outcomes,
            kinds=dict(self._kinds.most_common()),
            findings={severity: self._severities[severity] for severity in _SEVERITIES},
            currencies=tuple(self._sorted_currencies()),
            not_counted=tuple(self._sorted_not_counted()),
            suppliers=tuple(self._sorted_suppliers()),
            tax=tuple(self._sorted_tax()),
            rules=tuple(self._sorted_rules()),
        )

    def _add_findings(self, findings: Iterable[Finding]) -> None:
        seen: set[str] = set()
        for finding in findings:
            self._severities[finding.severity] += 1
            total = self._rules.get(finding.rule)
            if total is None:
                total = self._rules[finding.rule] = _Rule(finding.severity)
            total.findings += 1
            total.documents += finding.rule not in seen
            seen.add(finding.rule)

    def _add_invoice(self, outcome: Outcome, invoice: InvoiceSummary) -> None:
        sign = -1 if is_credit_note(invoice.type_code) else 1
        currency = invoice.currency or ""
        supplier = self._supplier(invoice)
        supplier.outcomes[outcome] += 1
        if outcome != "valid":
            self._not_counted.setdefault((outcome, currency), _Money()).add(invoice, sign)
            return
        self._currencies.setdefault(currency, _Money()).add(invoice, sign)
        supplier.money.setdefault(currency, _Money()).add(invoice, sign)
        for part in invoice.tax_breakdown:
            key = (currency, part.category or "", rate_text(part.rate))
            total = self._tax.setdefault(key, _Tax())
            total.documents += 1
            total.taxable = _added(total.taxable, part.taxable, sign)
            total.tax = _added(total.tax, part.tax, sign)

    def _supplier(self, invoice: InvoiceSummary) -> _Supplier:
        name = invoice.seller or ""
        vat_id = invoice.seller_vat_id
        key = compact(vat_id or name)
        supplier = self._suppliers.get(key)
        if supplier is None:
            supplier = _Supplier(name or vat_id or "", vat_id, invoice.seller_country)
            self._suppliers[key] = supplier
        return supplier

    def _sorted_currencies(self) -> list[CurrencySums]:
        return [
            CurrencySums(
                currency=currency,
                documents=money.documents,
                credit_notes=money.credit_notes,
                **money.amounts(),
            )
            for currency, money in _by_count(self._currencies)
        ]

    def _sorted_not_counted(self) -> list[NotCounted]:
        return [
            NotCounted(
                outcome=outcome,
                currency=currency,
                documents=money.documents,
                credit_notes=money.credit_notes,
                **money.amounts(),
            )
            for (outcome, currency), money in sorted(self._not_counted.items())
        ]

    def _sorted_suppliers(self) -> list[SupplierSums]:
        rows = [
            SupplierSums(
                supplier=supplier.name,
                vat_id=supplier.vat_id,
                country=supplier.country,
                outcomes=dict(supplier.outcomes.most_common()),
                currency=currency,
                documents=money.documents,
                credit_notes=money.credit_notes,
                **money.amounts(),
            )
            for supplier in self._suppliers.values()
            # A supplier without a valid document stands in the list too, with no currency and no money.
            for currency, money in (supplier.money or {"": _Money()}).items()
        ]
        place = self._places()
        return sorted(rows, key=lambda row: (place.get(row.currency, len(place)), -row.gross, row.supplier))

    def _sorted_tax(self) -> list[TaxSums]:
        rows = [
            TaxSums(
                currency=currency,
                category=category,
                rate=rate,
                documents=total.documents,
                taxable=amount(total.taxable),
                tax=amount(total.tax),
            )
            for (currency, category, rate), total in self._tax.items()
        ]
        place = self._places()
        return sorted(
            rows,
            key=lambda row: (
                place[row.currency],
                row.category != "S",
                row.category,
                -number_of(Decimal(row.rate or 0)),
            ),
        )

    def _sorted_rules(self) -> list[RuleCount]:
        rows = [
            RuleCount(rule=rule, severity=count.severity, documents=count.documents, findings=count.findings)
            for rule, count in self._rules.items()
        ]
        return sorted(rows, key=lambda row: (_SEVERITIES.index(row.severity), -row.documents, row.rule))

    def _places(self) -> dict[str, int]:
        """The place of each currency in the lists: the one with the most documents comes first."""
        return {currency: place for place, (currency, _) in enumerate(_by_count(self._currencies))}


def amount(value: Decimal) -> Decimal:
    """Return an amount with two decimals, or with as many as it needs when two would lose money."""
    cents = _EXACT.quantize(value, _CENT)
    # plus() turns -0.00 into 0.00.
    return _EXACT.plus(cents if cents == value else value)


def rate_text(rate: Decimal | None) -> str:
    """Return a VAT rate so that 19, 19.0 and 19.00 are one; empty when there is none."""
    return "" if rate is None else f"{number_of(rate).normalize():f}"


def number_of(value: Decimal | None) -> Decimal:
    """Return the number in a result row: 0 for None and for more than 30 digits, which are no amount."""
    if value is None or not value.is_finite() or abs(value.adjusted()) >= _ABSURD:
        return Decimal(0)
    return value


def _added(total: Decimal, value: Decimal | None, sign: int) -> Decimal:
    return (_EXACT.add if sign > 0 else _EXACT.subtract)(total, number_of(value))


def _by_count(money: Mapping[str, _Money]) -> list[tuple[str, _Money]]:
    return sorted(money.items(), key=lambda item: (-item[1].documents, item[0]))
