"""The summary of a batch as text: one line for each document, totals, where the report is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from devtools.console import shorten

Row = Mapping[str, Any]

HEADINGS = ("document", "supplier", "number", "amount", "outcome", "first finding")
OUTCOMES = ("valid", "invalid", "duplicate", "unreadable", "set_aside")
# Type codes (BT-3) that ask for money back. `invoicing.document_types` says what they are; it cannot be
# imported here, so tests/unit/test_devtools_documents.py holds that both are the same.
CREDIT_NOTE_TYPES = frozenset(
    ["81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"]
)
_SEVERITIES = ("fatal", "warning", "information")
# The names of documents stay whole: they are what one looks for. The finding gets the space that is left.
_WIDEST = {"supplier": 28, "number": 20}
_LEAST_FINDING = 24


def first_finding(row: Row) -> str:
    """The gravest finding of a document, the first one of its kind: ``BR-CO-15: text``; empty without any."""
    findings = sorted(row["findings"], key=lambda finding: _SEVERITIES.index(finding["severity"]))
    return f"{findings[0]['rule']}: {findings[0]['text']}" if findings else ""


def amount(row: Row) -> str:
    """The gross amount with its currency, a credit note's with a minus; empty when it was not read."""
    invoice = row["invoice"] or {}
    gross = invoice.get("gross")
    if gross and (invoice.get("type_code") or "").strip() in CREDIT_NOTE_TYPES:
        gross = _negated(gross)
    return " ".join(part for part in (gross, invoice.get("currency")) if part)


def _negated(amount: str) -> str:
    """The text with the other sign: digits stay as they were written, and nothing has no sign."""
    if not amount.strip("-0."):
        return amount
    return amount[1:] if amount.startswith("-") else f"-{amount}"


def cells(row: Row) -> tuple[str, ...]:
    """One document as the cells of the table, in the order of HEADINGS."""
    invoice = row["invoice"] or {}
    return (
        row["name"],
        shorten(invoice.get("seller") or "", _WIDEST["supplier"]),
        shorten(invoice.get("number") or "", _WIDEST["number"]),
        amount(row),
        row["outcome"].replace("_", " "),
        first_finding(row),
    )


def table(rows: Iterable[Row], width: int) -> list[str]:
    """The lines of the table with every document in it, for lines of ``width`` characters."""
    lines = [HEADINGS, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS) - 1)]
    room = max(_LEAST_FINDING, width - sum(widths) - 2 * len(widths))
    rule = tuple("-" * size for size in [*widths, len(HEADINGS[-1])])
    return [_line(line, widths, room) for line in (lines[0], rule, *lines[1:])]


def _line(line: Sequence[str], widths: Sequence[int], room: int) -> str:
    *fixed, finding = line
    amount_column = HEADINGS.index("amount")
    aligned = [
        text.rjust(size) if column == amount_column else text.ljust(size)
        for column, (text, size) in enumerate(zip(fixed, widths, strict=True))
    ]
    return "  ".join([*aligned, shorten(finding, room)]).rstrip()


def totals(counts: Mapping[str, int]) -> str:
    """``24 documents: 18 valid, 4 invalid, 2 unreadable``; outcomes that did not happen are left out."""
    number = sum(counts.values())
    order = [*OUTCOMES, *(outcome for outcome in counts if outcome not in OUTCOMES)]
    parts = [f"{counts[outcome]} {outcome.replace('_', ' ')}" for outcome in order if counts.get(outcome)]
    return f"{number} document{'' if number == 1 else 's'}: " + (", ".join(parts) or "none")


def count_outcomes(rows: Iterable[Row]) -> dict[str, int]:
    """How many documents have each outcome."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["outcome"]] = counts.get(row["outcome"], 0) + 1
    return counts


def progress_line(status: Mapping[str, Any], seconds: str) -> str:
    """Where a running batch is: ``checking  120 of 1000  [##--------]  100 valid, 20 invalid  3.1 s``."""
    done, total = status.get("done") or 0, status.get("total") or 0
    parts = [str(status.get("phase") or status["status"])]
    if total:
        filled = min(10, 10 * done // total)
        parts += [f"{done} of {total}", "[" + "#" * filled + "-" * (10 - filled) + "]"]
    counts = {key: value for key, value in (status.get("counts") or {}).items() if value}
    if counts:
        parts.append(totals(counts).partition(": ")[2])
    return "  ".join([*parts, seconds])
