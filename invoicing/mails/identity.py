"""By what a mail is known, so that each is taken once."""

from __future__ import annotations

import hashlib
import json

from invoicing.mails.heads import Head
from invoicing.records.base import BatchId


def place_of(host: str, port: int, user: str, folder: str) -> str:
    """12 hex digits that stand for the watched folder of a server."""
    return _digest(host.lower(), port, user, folder)[:12]


def mail_id(place: str, validity: int, uid: int) -> str:
    """The id of a mail: `m` and 24 hex digits.

    A server gives no UID twice in a folder, as long as it does not change the folder's UIDVALIDITY.
    """
    return "m" + _digest(place, validity, uid)[:24]


def batch_of(mail: str) -> BatchId:
    """The id of the batch that is made of a mail's attachments."""
    return BatchId("b" + _digest("mail", mail)[:24])


def likeness(place: str, head: Head) -> str:
    """32 hex digits that are equal for the same mail whatever numbers the server gives it.

    It is of the headers that nobody changes on the way: Message-ID, From, Date and Subject.
    """
    return _digest(place, head.message_id, head.raw_from, head.date, head.raw_subject)[:32]


def _digest(*parts: str | int) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
