"""What a digest says: what waits for a person and what is new, a line and a link for each invoice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters import teams
from adapters.messages import template
from adapters.wording import amount, counted, line, moment
from invoicing.records.messages import InvoiceLine, Message, MessageItem, MessageKind

#: The kinds that can be in a digest, in their order there, each with its heading.
HEADINGS: dict[MessageKind, str] = {
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
    kind: MessageKind
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
    items = tuple(MessageItem(entry.approval, entry.kind, _title(entry), entry.link) for entry in ordered)
    text = template("digest.txt").render(values)
    html = template("digest.html").render(values)
    return Message(id, to, to_name, title, text, html, link, items)


def card(lines: Sequence[DigestLine], link: str) -> teams.Card:
    """The Adaptive Card for a channel: the first invoices, each with whose turn it is."""
    ordered = in_order(lines)
    facts = [(_title(entry), _card_words(entry)) for entry in ordered[:_MOST_ON_CARD]]
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
        key=lambda entry: (
            kinds.index(entry.kind),
            entry.invoice.due or "9",
            entry.invoice.supplier,
            entry.approval,
        ),
    )


def subject(lines: Sequence[DigestLine], part: tuple[int, int] = (1, 1)) -> str:
    """`29 invoices wait for you, 3 were decided`."""
    number, of = part
    return _what(lines) + (f" ({number} of {of})" if of > 1 else "")


def _what(lines: Sequence[DigestLine]) -> str:
    waiting = sum(entry.kind in _WAITING for entry in lines)
    decided = sum(entry.kind == "decided" for entry in lines)
    expired = len(lines) - waiting - decided

    parts = (
        (waiting, "waits for you", "wait for you"),
        (decided, "was decided", "were decided"),
        (expired, "was not decided in time", "were not decided in time"),
    )
    phrases: list[str] = []
    for number, singular, plural in parts:
        if number and not phrases:
            phrases.append(counted(number, f"invoice {singular}", f"invoices {plural}"))
        elif number:
            phrases.append(counted(number, singular, plural))
    return ", ".join(phrases)


def _groups(lines: Sequence[DigestLine]) -> list[tuple[str, list[_Shown]]]:
    groups: list[tuple[str, list[_Shown]]] = []
    for kind, heading in HEADINGS.items():
        shown = [_Shown(_title(entry), _details(entry), entry.link) for entry in lines if entry.kind == kind]
        if shown:
            groups.append((heading, shown))
    return groups


def _title(entry: DigestLine) -> str:
    supplier = line(entry.invoice.supplier) or "An unknown supplier"
    number = line(entry.invoice.number)
    invoice = f"invoice {number}" if number else "an invoice without a number"
    return f"{supplier}, {invoice}, {amount(entry.invoice.amount, entry.invoice.currency)}"


def _details(entry: DigestLine) -> str:
    if entry.kind == "decided":
        words = line(entry.outcome).capitalize() + (f" by {line(entry.author)}" if entry.author else "")
        return f"{words}: {line(entry.comment, _LONGEST_COMMENT)}" if entry.comment else words

    known = (
        f"due {line(entry.invoice.due)}" if entry.invoice.due else "",
        f"decide before {moment(entry.deadline)}" if entry.deadline and entry.kind in _WAITING else "",
        counted(entry.invoice.findings, "finding", "findings") if entry.invoice.findings else "",
    )
    return ", ".join(filter(None, known))


def _card_words(entry: DigestLine) -> str:
    people = f"For {', '.join(entry.people)}" if entry.people else ""
    return ", ".join(filter(None, (people, _details(entry)))) or "new"
