"""What messages say: one subject, text and HTML page per kind, from the templates in web/messages.

Values from invoices are strangers' words: they are cut to a length, control characters are taken out, and the
HTML form escapes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from adapters import teams
from adapters.settings import APP_ROOT
from adapters.wording import amount, line, moment, printable
from invoicing.records.approval import ApprovalRequest
from invoicing.records.document import InvoiceSummary
from invoicing.records.messages import Message, MessageItem, MessageKind

#: The kinds of messages, each with the words on the button that leads to the page.
KINDS: dict[MessageKind, str] = {
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
_LONGEST_COMMENT = 4000


@dataclass(frozen=True)
class Occasion:
    """What a message is about.

    `request`: what is to be approved. `author` and `comment`: who said what, for questions, answers and
    decisions. `outcome`: what became of it ("Approved"), for decisions.
    """

    kind: MessageKind
    stage: str
    request: ApprovalRequest
    author: str = ""
    comment: str = ""
    outcome: str = "Closed"
    deadline: datetime | None = None


def render(occasion: Occasion, *, id: str, to: str, to_name: str, link: str, personal: bool) -> Message:
    """The message to one person. `personal`: the link is signed for that person."""
    words = _words(occasion)
    subject, lead = _subject_and_lead(occasion, words)
    values: dict[str, object] = {
        **words,
        "subject": subject,
        "lead": lead,
        "greeting": f"Hello {line(to_name) or to},",
        "facts": facts(occasion),
        "findings": _findings(occasion.request),
        "action": KINDS[occasion.kind],
        "link": link,
        "personal": personal,
    }
    item = MessageItem(occasion.request.approval, occasion.kind, words["title"], link)
    text = template("message.txt").render(values)
    html = template("message.html").render(values)
    return Message(id, to, to_name, subject, text, html, link, (item,))


def card(occasion: Occasion, names: list[str], link: str) -> teams.Card:
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
        ("Issued", line(invoice.issue_date)),
        ("Due", line(invoice.due_date)),
        ("Order", line(invoice.order_reference)),
        ("Decide before", moment(occasion.deadline)),
        ("Reference", line(occasion.request.ref)),
    ]
    return [(name, value) for name, value in found if value]


def _words(occasion: Occasion) -> dict[str, str]:
    invoice = _invoice(occasion.request)
    number = line(invoice.number) or "without a number"
    supplier = line(invoice.seller) or "an unknown supplier"
    owed = amount(invoice.payable, invoice.currency)
    return {
        "number": number,
        "supplier": supplier,
        "amount": owed,
        "title": f"invoice {number} of {supplier}, {owed}",
        "stage": line(occasion.stage),
        "author": line(occasion.author) or "Somebody",
        "comment": printable(occasion.comment, keep="\n")[:_LONGEST_COMMENT],
        "outcome": occasion.outcome,
    }


def _subject_and_lead(occasion: Occasion, words: dict[str, str]) -> tuple[str, str]:
    """A kind's template holds the subject in its first line and the opening sentences below."""
    text = template(f"{occasion.kind}.txt").render(words)
    subject, _, lead = text.strip().partition("\n")
    return subject, " ".join(lead.split())


def _findings(request: ApprovalRequest) -> list[str]:
    found = request.row.findings
    shown = [line(finding.text, 300) for finding in found[:_MOST_FINDINGS]]
    more = len(found) - len(shown)
    return [*shown, f"and {more} more"] if more else shown


def _invoice(request: ApprovalRequest) -> InvoiceSummary:
    return request.row.invoice or InvoiceSummary()


def template(name: str) -> Template:
    """A template of the folder of messages."""
    return _templates().get_template(name)


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
