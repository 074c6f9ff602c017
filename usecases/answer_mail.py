"""Answer a mail with the report, once: never twice, never in a loop, and not too often to one sender.

Whether there is an answer at all was decided when the mail was taken in (`invoicing.mails.answering`).
"""

from __future__ import annotations

from datetime import date

from adapters import mail
from adapters.answer_messages import render
from adapters.channels import NotSent
from adapters.mail import Attachment, Reply
from adapters.services import Services
from invoicing.mails.answering import reference
from invoicing.records.base import BatchId, Person
from invoicing.records.mailbox_steps import AnswerJob, AnswerTry, ReportState
from invoicing.records.mails import MailAnswer, MailRecord
from invoicing.records.message_steps import DeliveryTry
from invoicing.records.messages import Message
from invoicing.records.report import BatchTotals
from stores import mails, outbox
from stores.batches import BatchStore
from stores.blobs import BlobMissing, Blobs

#: Bytes of a report that goes with a mail; a larger one stays on the page.
LARGEST_REPORT = 5 * 1024 * 1024
_REPORTS = (("html", "text/html"), ("csv", "text/csv"))


def look_for_report(services: Services, job: AnswerJob) -> ReportState:
    """Say whether there is something to answer; a mail without a batch is answered at once."""
    batch = mails.read(services.blobs, job.mail).batch
    batches = BatchStore(services.blobs)
    # Written last of those that are sent.
    if batch is None or batches.has_report(batch, "csv"):
        return ReportState(state="ready")
    return ReportState(state="stopped" if batches.is_asked_to_stop(batch) else "running")


def send_answer(services: Services, job: AnswerTry) -> DeliveryTry:
    """Try to answer once.

    That it goes out is written before it does. Where a process died in between, nobody knows whether it went
    out, and it is not sent again: no answer is better than two.
    """
    record = mails.read(services.blobs, job.mail)
    settings = services.settings.mailbox
    if settings is None or not settings.answers or record.silent or record.sender is None:
        return DeliveryTry(outcome="obsolete")

    to, day = record.sender, record.noted.date()
    before = mails.answer(services.blobs, day, to, record.id)
    if before is not None:
        return DeliveryTry(outcome="failed" if before.state == "failed" else "sent")
    if mails.answers_on(services.blobs, day, to) >= settings.answers_a_day:
        text = "This sender got as many answers on that day as SETTLE_MAILBOX_ANSWERS_A_DAY allows."
        return DeliveryTry(outcome="obsolete", error=text)
    return _sent(services, job, record, to, day)


def _sent(services: Services, job: AnswerTry, record: MailRecord, to: Person, day: date) -> DeliveryTry:
    message, reply = _message(services.blobs, record)
    if services.settings.channels.smtp:  # what is left in the outbox twice is there once
        _note(services, day, to, record, "sending")
    try:
        _send(services, record, message, reply)
    except NotSent as error:
        if error.again and not job.last:
            mails.withdraw_answer(services.blobs, day, to, record.id)
            return DeliveryTry(outcome="again", error=str(error))
        _note(services, day, to, record, "failed", str(error))
        return DeliveryTry(outcome="failed", error=str(error))
    _note(services, day, to, record, "sent")
    return DeliveryTry(outcome="sent")


def _note(services: Services, day: date, to: Person, record: MailRecord, state: str, error: str = "") -> None:
    answer = MailAnswer.model_validate(
        {"mail": record.id, "state": state, "at": services.clock(), "error": error}
    )
    mails.note_answer(services.blobs, day, to, answer)


def _message(blobs: Blobs, record: MailRecord) -> tuple[Message, Reply]:
    """The answer, with the report where there is one that is small enough."""
    files = _reports(blobs, record.batch) if record.batch else ()
    totals = _totals(blobs, record.batch) if record.batch else None
    message = render(record, totals, report=bool(files))
    return message, Reply(reference(record.message_id), files)


def _reports(blobs: Blobs, batch: BatchId) -> tuple[Attachment, ...]:
    batches = BatchStore(blobs)
    try:
        found = [
            Attachment(f"report.{form}", media_type, batches.report(batch, form))
            for form, media_type in _REPORTS
        ]
    except BlobMissing:
        return ()  # given up waiting for it
    return tuple(file for file in found if len(file.content) <= LARGEST_REPORT)


def _totals(blobs: Blobs, batch: BatchId) -> BatchTotals | None:
    try:
        return BatchStore(blobs).totals(batch)
    except BlobMissing:
        return None


def _send(services: Services, record: MailRecord, message: Message, reply: Reply) -> None:
    channels = services.settings.channels
    if channels.smtp:
        mail.send(channels.smtp, channels.mail_from, message, services.clock(), reply)
    else:
        outbox.put(services.blobs, message, record.noted)
