"""Mails in storage: what became of each, how the watched folder is, and which answers were sent.

mailbox/mails/{mail}.json              one mail; written before anything else is done with it
mailbox/known/{likeness}.json          the first mail that looked like this, whatever its number
mailbox/state.json                     how the folder was at the last look
mailbox/answers/{day}/{person}/{mail}  the answer to a mail, below its day and sender: so they are counted
index/mails/{time}-{mail}              an empty mark: the list, the newest first
"""

from __future__ import annotations

from datetime import date

from pydantic import TypeAdapter

from invoicing.records.base import Person
from invoicing.records.mails import KnownMail, MailAnswer, MailboxState, MailRecord
from stores import records
from stores.blobs import BlobConflict, BlobMissing, Blobs
from stores.naming import newest_first, person_key
from stores.records import Listed, RecordDamaged

INDEX = "index/mails/"

_MAIL = TypeAdapter(MailRecord)
_KNOWN = TypeAdapter(KnownMail)
_STATE = TypeAdapter(MailboxState)
_ANSWER = TypeAdapter(MailAnswer)


def note(blobs: Blobs, new: MailRecord) -> MailRecord:
    """Keep a mail that is taken now, unless it was noted before; returns what is kept.

    Raises RecordDamaged.
    """
    try:
        blobs.create(_mail_name(new.id), new.as_json())
    except BlobConflict:
        new = read(blobs, new.id)
    if new.outcome is None:  # a process may have died between the two
        blobs.write(f"{INDEX}{newest_first(new.noted)}-{new.id}", b"")
    return new


def read(blobs: Blobs, mail: str) -> MailRecord:
    """What is known of a mail. Raises BlobMissing and RecordDamaged."""
    name = _mail_name(mail)
    return records.from_json(_MAIL, name, blobs.read(name))


def keep(blobs: Blobs, record: MailRecord) -> MailRecord:
    """Write what became of a mail; returns it."""
    blobs.write(_mail_name(record.id), record.as_json())
    return record


def newest(blobs: Blobs, top: int, page: str | None) -> tuple[Listed[MailRecord], str | None]:
    """A page of the list, the newest first, and the token of the next one.

    Raises StorageRefused for a token that is not ours.
    """

    def one(name: str) -> MailRecord | None:
        try:
            return read(blobs, name.rpartition("-")[2])
        except BlobMissing:
            return None

    found = blobs.page(INDEX, top, page)
    return records.each([blob.name for blob in found.blobs], one), found.next_token


def first_like(blobs: Blobs, likeness: str, mail: KnownMail) -> KnownMail:
    """The first mail that looked like this one; it is this one where there was none. Raises RecordDamaged."""
    name = _known_name(likeness)
    try:
        blobs.create(name, mail.as_json())
    except BlobConflict:
        return records.from_json(_KNOWN, name, blobs.read(name))
    return mail


def take_over(blobs: Blobs, likeness: str, mail: KnownMail) -> None:
    """From now on this is the first mail of its looks: the one before was never read."""
    blobs.write(_known_name(likeness), mail.as_json())


def state(blobs: Blobs) -> MailboxState | None:
    """How the folder was at the last look; None where there was none, or it cannot be read."""
    name = _state_name()
    try:
        return records.from_json(_STATE, name, blobs.read(name))
    except (BlobMissing, RecordDamaged):
        return None


def keep_state(blobs: Blobs, now: MailboxState) -> None:
    """Write how the folder is."""
    blobs.write(_state_name(), now.as_json())


def answer(blobs: Blobs, day: date, to: Person, mail: str) -> MailAnswer | None:
    """The answer to a mail; None where none was sent."""
    name = _answer_name(day, to, mail)
    try:
        return records.from_json(_ANSWER, name, blobs.read(name))
    except BlobMissing:
        return None


def note_answer(blobs: Blobs, day: date, to: Person, sent: MailAnswer) -> None:
    """Write how far the answer to a mail is."""
    blobs.write(_answer_name(day, to, sent.mail), sent.as_json())


def withdraw_answer(blobs: Blobs, day: date, to: Person, mail: str) -> None:
    """The answer was not sent after all."""
    blobs.delete(_answer_name(day, to, mail))


def answers_on(blobs: Blobs, day: date, to: Person) -> int:
    """How many answers a sender got to mails of a day; no blob is read."""
    return sum(1 for _ in blobs.list(_answer_name(day, to)))


def _mail_name(mail: str) -> str:
    return f"mailbox/mails/{mail}.json"


def _known_name(likeness: str) -> str:
    return f"mailbox/known/{likeness}.json"


def _state_name() -> str:
    return "mailbox/state.json"


def _answer_name(day: date, to: Person, mail: str = "") -> str:
    """The blob of an answer; without `mail`, the prefix of all to one sender on a day."""
    return f"mailbox/answers/{day}/{person_key(to)}/{mail}"
