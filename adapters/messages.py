"""What messages say: one subject, text and HTML page per kind, from the templates in web/messages.

Values from invoices are strangers' words: they are cut to a length, control characters are taken out, and the
HTML form escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from adapters import teams
from adapters.channels import Message
from adapters.settings import APP_ROOT

#: The kinds of messages, each with the words on the button that leads to the page.
KINDS: dict[str, str] = {
    "request": "See the invoice and decide",
    "reminder": "See the invoice and decide",
    "escalation": "See the invoice and decide",
    "expired": "See the invoice",
    "question": "See the question and answer",
    "answer": "See the answer and decide",
    "decided": "See the invoice",
}
_FOLDER = APP_ROOT / "web" / "messages"
_MOST_FINDINGS = 10
_LONGEST_NAME, _LONGEST_COMMENT = 120, 4000


@dataclass(frozen=True)
class Occasion:
    """What a message is about.

    `request`: the approval's request.json. `author` and `comment`: who said what, for questions, answers and
    decisions. `outcome`: what became of it ("Approved"), for decisions. `deadline`: ISO time or None.
    """

    kind: str
    stage: str
    request: Mapping[str, Any]
    author: str = ""
    comment: str = ""
    outcome: str = "Closed"
    deadline: str | None = None


def render(occasion: Occasion, *, id: str, to: str, to_name: str, link: str, personal: bool) -> Message:
    """The message to one person. `personal`: the link is signed for that person."""
    words = _words(occasion)
    subject, lead = _subject_and_lead(occasion, words)
    values = words | {
        "subject": subject,
        "lead": lead,
        "greeting": f"Hello {_line(to_name) or to},",
        "facts": facts(occasion),
        "findings": _findings(occasion.request),
        "action": KINDS[occasion.kind],
        "link": link,
        "personal": personal,
    }
    text, html = (_templates().get_template(f"message.{form}").render(values) for form in ("txt", "html"))
    return Message(id, to, to_name, subject, text, html, link)


def card(occasion: Occasion, names: list[str], link: str) -> dict[str, Any]:
    """The Adaptive Card for a channel, which says whose turn it is."""
    subject, lead = _subject_and_lead(occasion, _words(occasion))
    shown = [*facts(occasion), ("For", ", ".join(names))] if names else facts(occasion)
    return teams.card(subject, lead, shown, link, KINDS[occasion.kind])


def facts(occasion: Occasion) -> list[tuple[str, str]]:
    """Names and values of what one needs to know, those that are known."""
    invoice = _invoice(occasion.request)
    words = _words(occasion)
    found = [
        ("Supplier", words["supplier"]),
        ("Invoice", words["number"]),
        ("Amount", words["amount"]),
        ("Issued", _line(invoice.get("issue_date"))),
        ("Due", _line(invoice.get("due_date"))),
        ("Order", _line(invoice.get("order_reference"))),
        ("Decide before", _moment(occasion.deadline)),
        ("Reference", _line(occasion.request.get("ref"))),
    ]
    return [(name, value) for name, value in found if value]


def _words(occasion: Occasion) -> dict[str, Any]:
    invoice = _invoice(occasion.request)
    number = _line(invoice.get("number")) or "without a number"
    supplier = _line(invoice.get("seller")) or "an unknown supplier"
    amount = _amount(invoice.get("payable"), invoice.get("currency"))
    return {
        "number": number,
        "supplier": supplier,
        "amount": amount,
        "title": f"invoice {number} of {supplier}, {amount}",
        "stage": _line(occasion.stage),
        "author": _line(occasion.author) or "Somebody",
        "comment": _printable(occasion.comment, keep="\n")[:_LONGEST_COMMENT],
        "outcome": occasion.outcome,
    }


def _subject_and_lead(occasion: Occasion, words: dict[str, Any]) -> tuple[str, str]:
    """A kind's template holds the subject in its first line and the opening sentences below."""
    text = _templates().get_template(f"{occasion.kind}.txt").render(words)
    subject, _, lead = text.strip().partition("\n")
    return subject, " ".join(lead.split())


def _findings(request: Mapping[str, Any]) -> list[str]:
    found = (request.get("row") or {}).get("findings") or []
    shown = [_line(finding.get("text"), 300) for finding in found[:_MOST_FINDINGS]]
    more = len(found) - len(shown)
    return [*shown, f"and {more} more"] if more else shown


def _invoice(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return (request.get("row") or {}).get("invoice") or {}


def _amount(value: Any, currency: Any) -> str:
    try:
        return f"{Decimal(str(value)):,.2f} {_line(currency)}".strip()
    except InvalidOperation:
        return "an unknown amount"


def _moment(iso: str | None) -> str:
    """`2026-05-01 10:00 UTC` of an ISO time in UTC."""
    return f"{iso[:10]} {iso[11:16]} UTC" if iso else ""


def _line(value: Any, longest: int = _LONGEST_NAME) -> str:
    """A value on one line, without what terminals or mail readers could take for more than text."""
    text = " ".join(_printable(str(value or "")).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _printable(text: str, keep: str = "") -> str:
    return "".join(c if c.isprintable() or c in keep else " " for c in text)


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
