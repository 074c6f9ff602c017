"""The totals of a batch: counts of all documents, money of those that are valid."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

from invoicing.document_types import is_credit_note
from invoicing.duplicates import compact

_CENT = Decimal("0.01")
_AMOUNTS = ("net", "tax", "gross", "payable")
# More digits than the default 28, so that no batch is large enough to be rounded.
_EXACT = Context(prec=60)
_ABSURD = 30


@dataclass
class _Money:
    """Amounts of one group; a credit note's are subtracted."""

    documents: int = 0
    credit_notes: int = 0
    sums: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(_AMOUNTS, Decimal(0)))

    def add(self, invoice: Mapping[str, Any], sign: int) -> None:
        self.documents += 1
        self.credit_notes += sign < 0
        for name in _AMOUNTS:
            self.sums[name] = _added(self.sums[name], invoice[name], sign)

    def as_dict(self) -> dict[str, Any]:
        amounts = {name: amount_text(value) for name, value in self.sums.items()}
        return {"documents": self.documents, "credit_notes": self.credit_notes, **amounts}


@dataclass
class _Supplier:
    name: str
    vat_id: str | None
    country: str | None
    outcomes: Counter[str] = field(default_factory=Counter)
    money: dict[str, _Money] = field(default_factory=dict)


class Totals:
    """Adds up result rows; memory grows with the number of suppliers and rules, not of documents.

    Money is that of the documents with the outcome ``valid``, by currency and never across currencies. Credit
    notes subtract. What the other documents ask for is added up apart, so that nothing is lost from sight.
    """

    def __init__(self) -> None:
        self._documents = 0
        self._bytes = 0
        self._outcomes: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._severities: Counter[str] = Counter()
        self._currencies: dict[str, _Money] = {}
        self._not_counted: dict[tuple[str, str], _Money] = {}
        self._suppliers: dict[str, _Supplier] = {}
        self._tax: dict[tuple[str, str, str], list[Any]] = {}
        self._rules: dict[str, dict[str, Any]] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        """Take in one result row, with the outcome it has in the end (duplicates and set-aside applied)."""
        self._documents += 1
        self._bytes += row["size"] or 0
        self._outcomes[row["outcome"]] += 1
        self._kinds[row["kind"] or "other"] += 1
        self._add_findings(row["findings"])
        if row["invoice"]:
            self._add_invoice(row["outcome"], row["invoice"])

    def as_dict(self) -> dict[str, Any]:
        """Return the totals as JSON-able dict: amounts are decimal strings, lists are sorted for reading.

        Keys: ``documents``, ``bytes``, ``outcomes``, ``kinds``, ``findings`` (by severity), ``currencies``,
        ``not_counted`` (by outcome and currency), ``suppliers`` (by supplier and currency), ``tax`` (by
        currency, category and rate), ``rules`` (by rule).
        """
        return {
            "documents": self._documents,
            "bytes": self._bytes,
            "outcomes": dict(self._outcomes.most_common()),
            "kinds": dict(self._kinds.most_common()),
            "findings": {name: self._severities[name] for name in ("fatal", "warning", "information")},
            "currencies": [
                {"currency": currency, **money.as_dict()} for currency, money in _by_count(self._currencies)
            ],
            "not_counted": [
                {"outcome": outcome, "currency": currency, **money.as_dict()}
                for (outcome, currency), money in sorted(self._not_counted.items())
            ],
            "suppliers": self._suppliers_as_list(),
            "tax": self._tax_as_list(),
            "rules": sorted(self._rules.values(), key=lambda r: (_rank(r), -r["documents"], r["rule"])),
        }

    def _add_findings(self, findings: list[dict[str, Any]]) -> None:
        seen: set[str] = set()
        for finding in findings:
            rule, severity = finding["rule"], finding["severity"]
            self._severities[severity] += 1
            total = self._rules.get(rule)
            if total is None:
                total = {"rule": rule, "severity": severity, "documents": 0, "findings": 0}
                self._rules[rule] = total
            total["findings"] += 1
            total["documents"] += rule not in seen
            seen.add(rule)

    def _add_invoice(self, outcome: str, invoice: Mapping[str, Any]) -> None:
        sign = -1 if is_credit_note(invoice["type_code"]) else 1
        currency = invoice["currency"] or ""
        supplier = self._supplier(invoice)
        supplier.outcomes[outcome] += 1
        if outcome != "valid":
            self._not_counted.setdefault((outcome, currency), _Money()).add(invoice, sign)
            return
        self._currencies.setdefault(currency, _Money()).add(invoice, sign)
        supplier.money.setdefault(currency, _Money()).add(invoice, sign)
        for part in invoice["tax_breakdown"]:
            key = (currency, part["category"] or "", rate_text(part["rate"]))
            total = self._tax.setdefault(key, [0, Decimal(0), Decimal(0)])
            total[0] += 1
            total[1] = _added(total[1], part["taxable"], sign)
            total[2] = _added(total[2], part["tax"], sign)

    def _supplier(self, invoice: Mapping[str, Any]) -> _Supplier:
        name, vat_id = invoice["seller"] or "", invoice["seller_vat_id"]
        key = compact(vat_id or name)
        supplier = self._suppliers.get(key)
        if supplier is None:
            supplier = _Supplier(name or vat_id or "", vat_id, invoice["seller_country"])
            self._suppliers[key] = supplier
        return supplier

    def _suppliers_as_list(self) -> list[dict[str, Any]]:
        rows: list[tuple[Decimal, dict[str, Any]]] = []
        for supplier in self._suppliers.values():
            who = {
                "supplier": supplier.name,
                "vat_id": supplier.vat_id,
                "country": supplier.country,
                "outcomes": dict(supplier.outcomes.most_common()),
            }
            # A supplier without a valid document stands in the list too, with no currency and no money.
            for currency, money in supplier.money.items() or [("", _Money())]:
                rows.append((money.sums["gross"], {**who, "currency": currency, **money.as_dict()}))
        order = {currency: at for at, (currency, _) in enumerate(_by_count(self._currencies))}
        rows.sort(key=lambda r: (order.get(r[1]["currency"], len(order)), -r[0], r[1]["supplier"]))
        return [row for _, row in rows]

    def _tax_as_list(self) -> list[dict[str, Any]]:
        rows = [
            {
                "currency": currency,
                "category": category,
                "rate": rate,
                "documents": documents,
                "taxable": amount_text(taxable),
                "tax": amount_text(tax),
            }
            for (currency, category, rate), (documents, taxable, tax) in self._tax.items()
        ]
        order = {currency: at for at, (currency, _) in enumerate(_by_count(self._currencies))}
        rows.sort(
            key=lambda r: (order[r["currency"]], r["category"] != "S", r["category"], -number_of(r["rate"]))
        )
        return rows


def amount_text(value: Decimal) -> str:
    """Return an amount with two decimals, or with as many as it needs when two would lose money."""
    cents = _EXACT.quantize(value, _CENT)
    # plus() turns -0.00 into 0.00.
    return f"{_EXACT.plus(cents if cents == value else value):f}"


def rate_text(rate: str | None) -> str:
    """Return a VAT rate so that 19, 19.0 and 19.00 are one; empty when there is none."""
    return "" if rate is None else f"{number_of(rate).normalize():f}"


def number_of(text: str | None) -> Decimal:
    """Return the number in a result row: 0 for None and for more than 30 digits, which are no amount."""
    number = Decimal(text or 0)
    return number if number.is_finite() and abs(number.adjusted()) < _ABSURD else Decimal(0)


def _added(total: Decimal, text: str | None, sign: int) -> Decimal:
    return (_EXACT.add if sign > 0 else _EXACT.subtract)(total, number_of(text))


def _rank(rule: Mapping[str, Any]) -> int:
    return ("fatal", "warning", "information").index(rule["severity"])


def _by_count(money: dict[str, _Money]) -> list[tuple[str, _Money]]:
    return sorted(money.items(), key=lambda item: (-item[1].documents, item[0]))
