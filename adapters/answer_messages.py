"""What the answer to a mail says. The words of the mail are a stranger's: short, on one line."""

from __future__ import annotations

from adapters.messages import template
from adapters.wording import counted, line
from invoicing.records.mails import MailRecord
from invoicing.records.messages import Message
from invoicing.records.report import BatchTotals
from invoicing.report.words import OUTCOMES

_MOST_LEFT_OUT = 20


def render(record: MailRecord, totals: BatchTotals | None, *, report: bool) -> Message:
    """The answer to a mail. `totals`: of its batch, None where there is none, or it is not checked yet.

    `report`: the report goes with it.
    """
    to = str(record.sender)
    values: dict[str, object] = {
        "subject": _subject(record),
        "greeting": "Hello,",
        "lead": _lead(record, totals),
        "facts": _facts(record, totals),
        "left_out": _left_out(record),
        "onward": _onward(record, report),
    }
    text = template("mail_answer.txt").render(values)
    html = template("mail_answer.html").render(values)
    return Message(answer_id(record.id), to, "", _subject(record), text, html, "")


def answer_id(mail: str) -> str:
    """The id of the answer: the same each time that it is tried."""
    return f"answer.{mail}"


def _subject(record: MailRecord) -> str:
    return f"Re: {line(record.subject) or 'your invoices'}"


def _lead(record: MailRecord, totals: BatchTotals | None) -> str:
    if record.outcome != "batch":
        return f"Your mail was not taken as invoices. {record.reason}"
    if totals is None:
        return "Your mail has arrived. Its documents could not be checked yet."
    checked = counted(totals.documents, "document of your mail was", "documents of your mail were")
    return f"{checked} checked."


def _facts(record: MailRecord, totals: BatchTotals | None) -> list[tuple[str, str]]:
    found = [("Your mail", line(record.subject) or "(no subject)")]
    if totals is not None:
        found += [
            (OUTCOMES.get(name, name).capitalize(), f"{n:,}") for name, n in totals.outcomes.items() if n
        ]
    return found


def _left_out(record: MailRecord) -> list[tuple[str, str]]:
    shown = [(line(one.name), line(one.why, 300)) for one in record.left_out[:_MOST_LEFT_OUT]]
    more = len(record.left_out) - len(shown)
    return [*shown, ("and", f"{more} more")] if more else shown


def _onward(record: MailRecord, report: bool) -> str:
    if record.outcome != "batch":
        return "Send the invoices as XML, PDF or zip files that are attached to a mail."
    return "The report is attached." if report else "Ask the people who run Settle for the report."
