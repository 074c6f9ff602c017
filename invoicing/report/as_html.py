"""The report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

Rows pass through once. Documents that need attention come first, so the others wait in a file meanwhile:
memory does not grow with the batch.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from invoicing.document_types import is_credit_note
from invoicing.report.charts import bars, stacked_bar
from invoicing.report.totals import number_of
from invoicing.report.words import KINDS, OUTCOMES, SEVERITIES, VAT_CATEGORIES, plain

_TEMPLATES = Path(__file__).parent / "templates"
_SEVERITY_ORDER = {"fatal": 0, "warning": 1, "information": 2}
_MOST_FINDINGS = 12  # of one document; the spreadsheet has all
_MOST_BARS = 8
_MEMORY = 1024 * 1024
_PIECES = 200  # of the template that are written at a time


def write_html(
    head: Mapping[str, Any], totals: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], out: BinaryIO
) -> None:
    """Write the page; links in it are relative to the report: ``documents/17``, ``report?format=csv``."""
    with _Parted(rows) as parted:
        stream = _template().stream(
            head=head,
            totals=totals,
            outcomes=[(name, OUTCOMES[name], totals["outcomes"].get(name, 0)) for name in OUTCOMES],
            attention=map(_document, parted.attention()),
            in_order=map(_document, parted.in_order()),
            outcome_chart=_outcome_chart(totals),
            supplier_chart=_supplier_chart(totals),
            tax_chart=_tax_chart(totals),
        )
        stream.enable_buffering(_PIECES)
        for piece in stream:
            out.write(piece.encode("utf-8", "replace"))


class _Parted:
    """Gives the rows that need attention first and the valid ones after, reading the source once."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = iter(rows)

    def __enter__(self) -> "_Parted":
        self._waiting = tempfile.SpooledTemporaryFile(_MEMORY, "w+", encoding="utf-8", newline="\n")
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.close()

    def attention(self) -> Iterator[Mapping[str, Any]]:
        for row in self._rows:
            if row["outcome"] == "valid":
                self._waiting.write(json.dumps(row) + "\n")
            else:
                yield row

    def in_order(self) -> Iterator[Mapping[str, Any]]:
        for _ in self.attention():
            pass  # a page without a part for them still has to read past them
        self._waiting.seek(0)
        yield from map(json.loads, self._waiting)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "amount": _amount,
        "moment": _moment,
        "plain": plain,
        "count": lambda number: f"{number:,}",
        "category": lambda code: VAT_CATEGORIES.get(code, code or "not stated"),
        "severity": lambda name: SEVERITIES[name],
        "outcome": lambda name: OUTCOMES.get(name, name),
    }
    return environment.get_template("report.html.j2")


def _document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows of a row."""
    findings, more = _grouped(row["findings"])
    shown = {
        "n": row["n"],
        "name": row["name"],
        "outcome": row["outcome"],
        "kind": KINDS.get(row["kind"] or "", ""),
        "findings": findings,
        "more": more,
    }
    invoice = row["invoice"]
    if not invoice:
        return {**shown, "invoice": None}
    credit = is_credit_note(invoice["type_code"])
    amount = invoice["payable"] if invoice["gross"] is None else invoice["gross"]
    return {
        **shown,
        "invoice": invoice,
        "credit": credit,
        "amount": None if amount is None else _amount(-number_of(amount) if credit else amount),
        "currency": invoice["currency"] or "",
    }


def _grouped(findings: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Return findings, worst first, those that say the same as one with a count; and how many did not fit."""
    if not findings:
        return [], 0
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for finding in findings:
        group = groups.setdefault((finding["rule"], finding["text"]), {**finding, "times": 0})
        group["times"] += 1
    ordered = sorted(groups.values(), key=lambda f: _SEVERITY_ORDER[f["severity"]])
    for group in ordered:
        # Our own findings are written for people; an official text needs a plain sentence before it.
        for_people = group["rule"].startswith("SETTLE-") and group["source"] != "schema"
        group["plain"] = None if for_people else plain(group["rule"])
    return ordered[:_MOST_FINDINGS], len(ordered[_MOST_FINDINGS:])


def _amount(value: str | Decimal) -> str:
    """Return 1234.5 as 1,234.50, with a true minus sign."""
    return f"{number_of(str(value)):,.2f}".replace("-", "\u2212")


def _moment(text: str | None) -> str:
    """Return an ISO time as a person writes it; what is none comes back as it is."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return text or ""
    zone = f" {moment.tzname()}" if moment.tzinfo else ""
    return f"{moment.day} {moment:%B %Y, %H:%M}{zone}"


def _outcome_chart(totals: Mapping[str, Any]) -> str:
    parts = [(name, label, totals["outcomes"].get(name, 0)) for name, label in OUTCOMES.items()]
    return stacked_bar("chart-outcomes", "Documents by outcome", [part for part in parts if part[2]])


def _main_currency(totals: Mapping[str, Any]) -> str | None:
    return totals["currencies"][0]["currency"] if totals["currencies"] else None


def _supplier_chart(totals: Mapping[str, Any]) -> str | None:
    currency = _main_currency(totals)
    top = [supplier for supplier in totals["suppliers"] if currency and supplier["currency"] == currency]
    values = [(s["supplier"], Decimal(s["gross"]), _amount(s["gross"])) for s in top[:_MOST_BARS]]
    return bars("chart-suppliers", f"Largest suppliers, gross in {currency}", values) if values else None


def _tax_chart(totals: Mapping[str, Any]) -> str | None:
    currency = _main_currency(totals)
    rates: dict[str, Decimal] = {}
    for tax in totals["tax"]:
        if tax["currency"] == currency and Decimal(tax["tax"]):
            rates[tax["rate"]] = rates.get(tax["rate"], Decimal(0)) + Decimal(tax["tax"])
    top = sorted(rates.items(), key=lambda item: -item[1])[:_MOST_BARS]
    values = [(f"{rate} %", tax, _amount(tax)) for rate, tax in top]
    return bars("chart-tax", f"VAT by rate, in {currency}", values) if values else None
