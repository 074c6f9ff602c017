"""Invoices by mail: the orchestrations `watch_mailbox` and `answer_mail`, and their steps."""

from __future__ import annotations

from typing import Literal

from invoicing.records.base import Record, Step, optional
from invoicing.records.mails import MailOutcome
from invoicing.records.message_steps import Delivery, DeliveryTry

#: The one instance that watches.
MAILBOX_INSTANCE = "mailbox"

Condition = Literal["ok", "away", "refused", "off"]
"""How a step found the server; `off`: no setting names a mailbox."""


class MailboxWatch(Record):
    """What the watch goes on with: looks in a row that found nothing, and that failed."""

    idle: int = 0
    failures: int = 0


class MailboxEnded(Record):
    """Why the watch ended."""

    reason: Literal["off"] = "off"


class LookJob(Record):
    """A look into the folder; the same each time."""


class MailRef(Record):
    """A mail by the numbers of its server; `place` stands for server, user and folder."""

    place: str
    validity: int
    uid: int


class Look(Record):
    """What a look found: the oldest mails, and whether there are more. Pauses are in seconds.

    `first`, `longest`: of the pauses while nothing comes.
    """

    condition: Condition
    mails: tuple[MailRef, ...] = ()
    more: bool = False
    first: int = 30
    longest: int = 300
    error: str | None = optional()


class MailTaken(Record):
    """What became of a mail, as far as the watch needs it."""

    condition: Condition
    outcome: MailOutcome | None = optional()
    error: str | None = optional()


class SetMailAside(MailRef):
    """A mail whose step keeps failing; `reason`: with which error."""

    reason: str


class MailboxProgress(Record):
    """The custom status of the watch: how the last look went, and the pause after it in seconds."""

    condition: Condition
    taken: int
    pause: int


MAILBOX = Step("watch_mailbox", MailboxWatch, MailboxEnded)
LOOK_AT_MAILBOX = Step("look_at_mailbox", LookJob, Look)
TAKE_MAIL = Step("take_mail", MailRef, MailTaken)
SET_MAIL_ASIDE = Step("set_mail_aside", SetMailAside, MailTaken)


class AnswerJob(Record):
    """The answer to one mail, by the mail's id."""

    mail: str

    @property
    def instance(self) -> str:
        """The instance that answers it: one for each mail."""
        return f"answer-{self.mail}"


class AnswerTry(AnswerJob):
    """One try to send an answer; `last`: no other one follows."""

    last: bool


class ReportState(Record):
    """Whether what an answer tells of is there; `stopped`: somebody stopped the batch, nothing will come."""

    state: Literal["ready", "running", "stopped"]


MAIL_ANSWER = Step("answer_mail", AnswerJob, Delivery)
LOOK_FOR_REPORT = Step("look_for_report", AnswerJob, ReportState)
SEND_ANSWER = Step("send_mail_answer", AnswerTry, DeliveryTry)
