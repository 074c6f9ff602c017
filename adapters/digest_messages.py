"""What a digest says: what waits for a person and what is new, a line and a link for each invoice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters import teams
from adapters.messages import template
from adapters.wording import amount, counted, line, moment
from invoicing.records.messages import Message, MessageItem
from stores.notices import InvoiceLine

#: The kinds that can be in a digest, in their order there, each with its heading.
HEADINGS: dict[str, str] = {
    "escalation": "Now with you, since nobody has decided in time",
    "request": "Please decide",
    "reminder": "Still waiting for you",
    "expired": "The time to decide is over",
    "decided": "Decided",
}
_WAITING = ("escalation", "request", "reminder")
_MOST_ON_CARD = 20
_LONGEST_COMMENT = 200


@dataclass(frozen=True)
class DigestLine:
    """One invoice of a digest; `link`: where it is opened, `people`: names of whom it is for."""

    approval: str
    kind: str
    invoice: InvoiceLine
    link: str
    people: tuple[str, ...] = ()
    deadline: datetime | None = None
    author: str = ""
    comment: str = ""
    outcome: str = ""


@dataclass(frozen=True)
class _Shown:
    title: str
    details: str
    link: str


def render(
    lines: Sequence[DigestLine], *, id: str, to: str, to_name: str, link: str, part: tuple[int, int] = (1, 1)
) -> Message:
    """The digest to one person. `link`: the page with all that waits; `part`: this mail of so many."""
    ordered = in_order(lines)
    title = subject(ordered, part)
    values = {
        "subject": title,
        "greeting": f"Hello {line(to_name) or to},",
        "lead": f"{_what(ordered)}.",
        "groups": _groups(ordered),
        "link": link,
    }
    items = tuple(MessageItem(one.approval, one.kind, _title(one), one.link) for one in ordered)
    text = template("digest.txt").render(values)
    html = template("digest.html").render(values)
    return Message(id, to, to_name, title, text, html, link, items)


def card(lines: Sequence[DigestLine], link: str) -> dict[str, Any]:
    """The Adaptive Card for a channel: the first invoices, each with whose turn it is."""
    ordered = in_order(lines)
    facts = [(_title(one), _card_words(one)) for one in ordered[:_MOST_ON_CARD]]
    more = len(ordered) - len(facts)
    lead = f"{_what(ordered)}."
    if more:
        lead += f" The first {_MOST_ON_CARD} are listed here."
    return teams.card(subject(ordered), lead, facts, link, "Open the inbox")


def in_order(lines: Sequence[DigestLine]) -> list[DigestLine]:
    """By kind, then what is due first."""
    kinds = list(HEADINGS)
    return sorted(
        lines,
        key=lambda one: (kinds.index(one.kind), one.invoice.due or "9", one.invoice.supplier, one.approval),
    )


def subject(lines: Sequence[DigestLine], part: tuple[int, int] = (1, 1)) -> str:
    """`29 invoices wait for you, 3 were decided`."""
    number, of = part
    return _what(lines) + (f" ({number} of {of})" if of > 1 else "")


def _what(lines: Sequence[DigestLine]) -> str:
    waiting = sum(one.kind in _WAITING for one in lines)
    decided = sum(one.kind == "decided" for one in lines)
    expired = len(lines) - waiting - decided

    parts = (
        (waiting, "waits for you", "wait for you"),
        (decided, "was decided", "were decided"),
        (expired, "was not decided in time", "were not decided in time"),
    )
    said: list[str] = []
    for number, one, many in parts:
        if number and not said:
            said.append(counted(number, f"invoice {one}", f"invoices {many}"))
        elif number:
            said.append(counted(number, one, many))
    return ", ".join(said)


def _groups(lines: Sequence[DigestLine]) -> list[tuple[str, list[_Shown]]]:
    groups = []
    for kind, heading in HEADINGS.items():
        shown = [_Shown(_title(one), _details(one), one.link) for one in lines if one.kind == kind]
        if shown:
            groups.append((heading, shown))
    return groups


def _title(one: DigestLine) -> str:
    supplier = line(one.invoice.supplier) or "An unknown supplier"
    number = line(one.invoice.number)
    invoice = f"invoice {number}" if number else "an invoice without a number"
    return f"{supplier}, {invoice}, {amount(one.invoice.amount, one.invoice.currency)}"


def _details(one: DigestLine) -> str:
    if one.kind == "decided":
        words = line(one.outcome).capitalize() + (f" by {line(one.author)}" if one.author else "")
        return f"{words}: {line(one.comment, _LONGEST_COMMENT)}" if one.comment else words

    known = (
        f"due {line(one.invoice.due)}" if one.invoice.due else "",
        f"decide before {moment(one.deadline)}" if one.deadline and one.kind in _WAITING else "",
        counted(one.invoice.findings, "finding", "findings") if one.invoice.findings else "",
    )
    return ", ".join(filter(None, known))


def _card_words(one: DigestLine) -> str:
    people = f"For {', '.join(one.people)}" if one.people else ""
    return ", ".join(filter(None, (people, _details(one)))) or "new"
