"""Take in one mail: note it, decide what it is, make a batch of its invoices, and move it out of the folder.

    note (a name made of UIDVALIDITY and UID) -> decide -> batch -> answer -> move

What was decided is kept before the mail is moved. So whatever dies, the next look finds the mail noted and
goes on behind what was done: each mail makes one batch, with an id made of the mail's, and one answer.
"""

from __future__ import annotations

import hashlib

from adapters.mailbox import Mailbox, MailboxError
from adapters.mailbox_settings import MailboxSettings
from adapters.services import Services
from invoicing.mails.answering import why_silent
from invoicing.mails.heads import Head
from invoicing.mails.identity import batch_of, likeness, mail_id
from invoicing.mails.packing import pack
from invoicing.mails.parsing import ParsedMail, parse, read_head
from invoicing.mails.senders import refusal
from invoicing.records.batch import BatchSource
from invoicing.records.mailbox_steps import MAIL_ANSWER, AnswerJob, MailRef, MailTaken, SetMailAside
from invoicing.records.mails import KnownMail, MailRecord
from invoicing.records.supervision import OpenWork
from stores import mails, supervised
from stores.blobs import BlobMissing, Blobs
from usecases.mailbox import note_trouble, opened
from usecases.take_in_batch import NewBatch, have_batch_started

_MIB = 1024 * 1024
_NOT_TAKEN = "it was not taken"


def take_mail(services: Services, ref: MailRef) -> MailTaken:
    """Take in one mail. Repeating it goes on where it was. A server that is away is told, never raised."""
    settings = services.settings.mailbox
    if settings is None or settings.place != ref.place:
        return MailTaken(condition="off")
    record = _noted(services, ref)
    try:
        with opened(services, settings) as box:
            if box.validity != ref.validity:
                # The next look lists the same mails by their new numbers.
                return MailTaken(condition="ok", outcome=record.outcome)
            # One that was gone may be there again: somebody had looked at it in another folder.
            if record.outcome in (None, "gone"):
                record = mails.keep(services.blobs, _decided(services, settings, box, record))
            _have_answered(services, record)
            return _moved(services, settings, box, record)
    except MailboxError as error:
        condition = note_trouble(services, settings, error)
        return MailTaken(condition=condition, error=str(error))


def set_aside(services: Services, job: SetMailAside) -> MailTaken:
    """A mail breaks its step: it is noted as failed, and moved unread. Repeating it changes nothing."""
    record = _noted(services, job)
    if record.outcome is None:
        text = "Settle could not take it in. Look at the log, and send it again once that is mended."
        changes = {"outcome": "failed", "code": "broken", "reason": text, "silent": _NOT_TAKEN}
        mails.keep(services.blobs, record.changed(**changes, trouble=job.reason[:300]))
    return take_mail(services, job)


def _noted(services: Services, ref: MailRef) -> MailRecord:
    new = MailRecord(
        id=mail_id(ref.place, ref.validity, ref.uid),
        place=ref.place,
        validity=ref.validity,
        uid=ref.uid,
        noted=services.clock(),
    )
    return mails.note(services.blobs, new)


def _decided(services: Services, settings: MailboxSettings, box: Mailbox, record: MailRecord) -> MailRecord:
    """What becomes of a mail. Its size is asked for before it is fetched, its sender before its content."""
    size, start = box.size(record.uid), box.head(record.uid)
    if size is None or start is None:
        return _gone(record)
    head = read_head(start)
    record = _with_head(record, head, size)
    if first := _taken_before(services.blobs, record, likeness(settings.place, head)):
        text = "It was taken before the server gave its mails new numbers."
        same = {"before": first.before or first.outcome, "batch": first.batch, "files": first.files}
        return _ended(record, "known", "taken_before", text).changed(**same)
    if no := refusal(head, settings.senders):
        return _ended(record, "refused", no.code, no.text)

    silent = why_silent(head, settings.senders.own) if settings.answers else "answers are not switched on"
    record = record.changed(silent=silent)
    if size > settings.largest:
        return _too_large(record, size, settings)
    raw = box.read(record.uid, settings.largest + 1)
    if raw is None:
        return _gone(record)
    if len(raw) > settings.largest:
        return _too_large(record, len(raw), settings)
    return _with_batch(services, record, parse(raw))


def _with_batch(services: Services, record: MailRecord, mail: ParsedMail) -> MailRecord:
    """Make a batch of what is attached, where there is something."""
    if mail.fault:
        return _ended(record, "failed", "unreadable", mail.fault, record.silent)
    packed = pack(mail.files, services.settings.limits)
    left_out = (*mail.left_out, *packed.left_out)[:100]
    record = record.changed(left_out=left_out, files=packed.documents)
    if packed.data is None:
        text = "It has no attachment that is an XML, PDF or zip file."
        return _ended(record, "no_invoices", "no_invoices", text, record.silent)

    batch = batch_of(record.id)
    source = BatchSource("upload", f"mail of {record.sender}", size=len(packed.data))
    new = NewBatch(batch, hashlib.sha256(packed.data).hexdigest(), source, packed.data)
    have_batch_started(services, new, record.sender)
    return _ended(record, "batch", "", "", record.silent).changed(batch=batch)


def _taken_before(blobs: Blobs, record: MailRecord, looks: str) -> MailRecord | None:
    """The same mail by an older number of the server; None where it is to be decided anew.

    Under the same UIDVALIDITY, two numbers are two mails, whatever they say of themselves. A mail that was
    moved away and made no batch was put back by somebody: its sender may be listed now.
    """
    known = KnownMail(place=record.place, validity=record.validity, mail=record.id)
    first = mails.first_like(blobs, looks, known)
    if first.validity == record.validity:
        return None
    try:
        before = mails.read(blobs, first.mail)
    except BlobMissing:
        before = None
    was = (before.before or before.outcome) if before else None
    if before is None or was in (None, "gone") or (was != "batch" and before.moved):
        mails.take_over(blobs, looks, known)
        return None
    return before


def _have_answered(services: Services, record: MailRecord) -> None:
    """Have the answer started, apart from the watch: it waits for the report."""
    if record.silent:
        return
    job = AnswerJob(mail=record.id)
    value = MAIL_ANSWER.written_input(job)
    supervised.note(
        services.blobs, OpenWork(instance=job.instance, orchestrator=MAIL_ANSWER.name, input=value)
    )
    services.start_detached(MAIL_ANSWER.name, job.instance, value)


def _moved(services: Services, settings: MailboxSettings, box: Mailbox, record: MailRecord) -> MailTaken:
    """Move a decided mail, and note where to."""
    assert record.outcome is not None
    if record.outcome != "gone" and not record.moved:
        folder = settings.folder_of(record.before or record.outcome)
        if box.size(record.uid) is not None:  # else a run that died had moved it
            try:
                box.move(record.uid, folder)
            except MailboxError as error:
                mails.keep(services.blobs, record.changed(trouble=str(error)))
                raise
        record = mails.keep(services.blobs, record.changed(moved=folder, trouble=""))
    return MailTaken(condition="ok", outcome=record.outcome)


def _with_head(record: MailRecord, head: Head, size: int) -> MailRecord:
    return record.changed(
        size=size,
        sender=head.sender,
        shown_sender=head.shown_sender,
        subject=head.subject,
        message_id=head.message_id[:300],
    )


def _ended(record: MailRecord, outcome: str, code: str, reason: str, silent: str = _NOT_TAKEN) -> MailRecord:
    return record.changed(outcome=outcome, code=code, reason=reason, silent=silent)


def _gone(record: MailRecord) -> MailRecord:
    return _ended(record, "gone", "gone", "It was taken out of the folder before it was read.")


def _too_large(record: MailRecord, size: int, settings: MailboxSettings) -> MailRecord:
    text = (
        f"It has {size / _MIB:.1f} MiB; the limit is {settings.largest // _MIB} MiB. Send several mails, or "
        "upload the files on the page of batches."
    )
    return _ended(record, "failed", "too_large", text, record.silent)
