"""The inbox: which approvals are shown, in which order, and what they add up to. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from invoicing.document_types import is_credit_note
from invoicing.records.approval import InboxEntry
from web.words import age, folded, number

SORTS = {
    "oldest": "Longest waiting first",
    "newest": "Newest first",
    "amount": "Largest amount first",
    "smallest": "Smallest amount first",
    "supplier": "By supplier",
}
FINDINGS = {"": "All", "with": "With remarks", "without": "Without remarks"}
PAGE = 50
#: Waiting longer than this is pointed out.
LONG_DAYS = 5


@dataclass(frozen=True)
class Filter:
    """What the visitor asked to see; the empty text and None mean: no matter."""

    supplier: str = ""
    stage: str = ""
    mine: bool = False
    findings: str = ""
    currency: str = ""
    least: Decimal | None = None
    most: Decimal | None = None
    sort: str = "oldest"
    page: int = 1
    problems: tuple[str, ...] = ()

    @property
    def narrows(self) -> bool:
        """Whether something may be left out."""
        chosen = (self.supplier, self.stage, self.mine, self.findings, self.currency)
        return any(chosen) or self.least is not None or self.most is not None

    def address(self, **changes: Any) -> str:
        """The address of the inbox with this filter, with some of it changed."""
        values: dict[str, Any] = {
            "supplier": self.supplier,
            "stage": self.stage,
            "mine": "1" if self.mine else "",
            "findings": self.findings,
            "currency": self.currency,
            "least": "" if self.least is None else format(self.least, "f"),
            "most": "" if self.most is None else format(self.most, "f"),
            "sort": "" if self.sort == "oldest" else self.sort,
            "page": "",
        } | changes
        query = urlencode({name: value for name, value in values.items() if value not in ("", None)})
        return f"/inbox?{query}" if query else "/inbox"


@dataclass(frozen=True)
class Row:
    """An approval as one line of the inbox; `amount`: see `owed`. `long`: it waits longer than is good."""

    approval: str
    supplier: str
    number: str
    amount: Decimal | None
    currency: str
    stage: str
    approvers: list[str]
    mine: bool
    since: datetime
    waited: str
    long: bool
    findings: int
    batch: str | None


@dataclass(frozen=True)
class Inbox:
    """A page of the inbox: rows, amounts by currency of all that match, and choices for the filter.

    `sums`: currency, what is owed together, number of documents; credit notes are subtracted.
    """

    rows: list[Row]
    found: int
    all: int
    mine: int
    sums: list[tuple[str, Decimal, int]]
    stages: list[str]
    currencies: list[str]
    pages: int


def parse_filter(params: Mapping[str, str]) -> Filter:
    """Read the filter out of an address; what cannot be read is left out and named in `problems`."""
    problems: list[str] = []

    def amount_of(name: str, label: str) -> Decimal | None:
        text = params.get(name, "").strip().replace(" ", "")
        found = number(_plain_number(text))
        if text and found is None:
            problems.append(f"{label} “{text[:30]}” is no number, so it was not looked at.")
        return found

    page = params.get("page", "1")
    return Filter(
        supplier=params.get("supplier", "").strip()[:200],
        stage=params.get("stage", "").strip()[:60],
        mine=params.get("mine", "") in ("1", "on", "true"),
        findings=params.get("findings", "") if params.get("findings") in FINDINGS else "",
        currency=params.get("currency", "").strip().upper()[:10],
        least=amount_of("least", "The smallest amount"),
        most=amount_of("most", "The largest amount"),
        sort=params.get("sort", "") if params.get("sort") in SORTS else "oldest",
        page=int(page) if page.isascii() and page.isdigit() and len(page) < 6 and int(page) > 0 else 1,
        problems=tuple(problems),
    )


def _plain_number(text: str) -> str:
    """`1.234,50` and `1,234.50` as people type them: the last of the two marks is the decimal one.

    A single mark with three digits behind it is taken for a mark of thousands: nobody filters by mills.
    """
    if "," in text and "." in text:
        decimal = max(text.rfind(","), text.rfind("."))
        whole = text[:decimal].replace(",", "").replace(".", "")
        return f"{whole}.{text[decimal + 1 :]}"
    for mark in ",.":
        head, _, tail = text.rpartition(mark)
        if head and (text.count(mark) > 1 or len(tail) == 3):
            return text.replace(mark, "")
    return text.replace(",", ".")


def inbox(items: Iterable[InboxEntry], wanted: Filter, person: str, now: datetime) -> Inbox:
    """Choose, sort and add up what a person sees at a moment."""
    listed = list(items)
    found = [item for item in listed if _matches(item, wanted, person)]
    ordered = _sorted(found, wanted.sort)
    pages = max(1, -(-len(ordered) // PAGE))
    first = (min(wanted.page, pages) - 1) * PAGE
    return Inbox(
        rows=[_row(item, person, now) for item in ordered[first : first + PAGE]],
        found=len(found),
        all=len(listed),
        mine=sum(_is_mine(item, person) for item in listed),
        sums=_sums(found),
        stages=sorted({item.stage for item in listed if item.stage}),
        currencies=sorted({item.currency for item in listed if item.currency}),
        pages=pages,
    )


def owed(item: InboxEntry) -> Decimal | None:
    """What is to be paid; a credit note's is less than nothing, as in the totals of the report."""
    value = item.amount
    return -value if value is not None and is_credit_note(item.type_code) else value


def _is_mine(item: InboxEntry, person: str) -> bool:
    return person in item.approvers


def _matches(item: InboxEntry, wanted: Filter, person: str) -> bool:
    # By size, as in the order and in the policy: "from 300" means what is worth a look, whoever pays it.
    value = item.amount
    text = folded(f"{item.supplier or ''} {item.number or ''}")
    return (
        all(word in text for word in folded(wanted.supplier).split())
        and (not wanted.stage or item.stage == wanted.stage)
        and (not wanted.mine or _is_mine(item, person))
        and (not wanted.findings or bool(item.findings) == (wanted.findings == "with"))
        and (not wanted.currency or (item.currency or "") == wanted.currency)
        and (wanted.least is None or (value is not None and abs(value) >= wanted.least))
        and (wanted.most is None or (value is not None and abs(value) <= wanted.most))
    )


def _sorted(items: Sequence[InboxEntry], sort: str) -> list[InboxEntry]:
    """Equal ones keep the order of their waiting; those without a value come last."""
    waiting = sorted(items, key=lambda item: (item.since, item.approval))
    if sort == "newest":
        return waiting[::-1]
    if sort in ("amount", "smallest"):
        sign = -1 if sort == "amount" else 1
        # By size, without the sign: a credit note of 9,000 needs as much care as an invoice of 9,000, and the
        # policy asks the same people. By value it would stand below the smallest invoice, where nobody looks.
        return sorted(
            waiting,
            key=lambda item: (
                item.amount is None,
                item.currency or "",
                sign * abs(item.amount or 0),
            ),
        )
    if sort == "supplier":
        return sorted(waiting, key=lambda item: (not item.supplier, folded(item.supplier or "")))
    return waiting


def _row(item: InboxEntry, person: str, now: datetime) -> Row:
    return Row(
        approval=item.approval,
        supplier=item.supplier or "Supplier not named",
        number=item.number or "without a number",
        amount=owed(item),
        currency=item.currency or "",
        stage=item.stage,
        approvers=list(item.approvers),
        mine=_is_mine(item, person),
        since=item.since,
        waited=age(item.since, now),
        long=(now - item.since).days >= LONG_DAYS,
        findings=item.findings,
        batch=item.batch,
    )


def _sums(items: Iterable[InboxEntry]) -> list[tuple[str, Decimal, int]]:
    """What is owed by currency, the one with most documents first: two currencies are never added."""
    totals: defaultdict[str, list[Decimal]] = defaultdict(list)
    for item in items:
        value = owed(item)
        if value is not None:
            totals[item.currency or ""].append(value)
    sums = [(currency, sum(values, Decimal(0)), len(values)) for currency, values in totals.items()]
    return sorted(sums, key=lambda total: (-total[2], total[0]))
