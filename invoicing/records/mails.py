"""Mails that invoices come in by: what is known of each, of the folder that is watched, and of answers."""

from __future__ import annotations

from typing import Any, Literal

from invoicing.records.base import BatchId, Moment, Person, Record

MailOutcome = Literal["batch", "no_invoices", "failed", "refused", "known", "gone"]
"""What became of a mail.

`batch`: its attachments are a batch. `no_invoices`: it has none. `failed`: it cannot be taken, too large for
one. `refused`: it is not from who may send. `known`: it was taken before, under another number of the server.
`gone`: it was noted, and taken out of the folder by somebody else before it was read.
"""

MailboxCondition = Literal["watching", "away", "refused"]
"""`away`: the server does not answer. `refused`: it does not let us in, or the folder is not there."""


class LeftOut(Record):
    """An attachment that was not taken, and why; the name is a stranger's word, cut to a length."""

    name: str
    why: str


class MailRecord(Record):
    """One mail, by the number that the server gave it.

    `id`: `m` and 24 hex digits, of `place` (server, user and folder), `validity` and `uid`. `size`: in bytes,
    as the server says. `outcome` is None until it was decided, which happens once; `before`: that of the same
    mail under its older number. `code`: the reason for programs, `reason`: for people. `files`: invoices that
    were taken out of it. `silent`: why its sender gets no answer, empty where they get one. `moved`: the
    folder that it was put into; `trouble`: why that did not work.
    """

    id: str
    place: str
    validity: int
    uid: int
    noted: Moment
    size: int = 0
    outcome: MailOutcome | None = None
    before: MailOutcome | None = None
    code: str = ""
    reason: str = ""
    sender: Person | None = None
    shown_sender: str = ""
    subject: str = ""
    message_id: str = ""
    batch: BatchId | None = None
    files: int = 0
    left_out: tuple[LeftOut, ...] = ()
    silent: str = ""
    moved: str = ""
    trouble: str = ""

    def changed(self, **values: Any) -> MailRecord:
        """The same mail with other values; any field of it, hence `Any`."""
        return self.model_copy(update=values)


class KnownMail(Record):
    """By which numbers of the server a mail was seen first; `mail`: its id then."""

    place: str
    validity: int
    mail: str


class MailboxState(Record):
    """How the watched folder was at the last look.

    `since`: when it came to be so. `failures`: looks that failed since then. `waiting`: mails in the folder.
    `not_before`: no look until then, since a server locks an account out for a wrong password. `error`: what
    was wrong, without a secret.
    """

    place: str
    condition: MailboxCondition
    since: Moment
    looked: Moment
    failures: int = 0
    error: str = ""
    not_before: Moment | None = None
    waiting: int = 0

    def changed(self, **values: Any) -> MailboxState:
        """The same with other values; any field of it, hence `Any`."""
        return self.model_copy(update=values)


AnswerState = Literal["sending", "sent", "failed"]


class MailAnswer(Record):
    """The one answer to a mail. `sending`: it was given to the mail server, whose word was not heard yet."""

    mail: str
    state: AnswerState
    at: Moment
    error: str = ""
