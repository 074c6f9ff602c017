"""The steps of invoices by mail: look into the folder, take a mail, set one aside; then its answer."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.mailbox_steps import (
    LOOK_AT_MAILBOX,
    LOOK_FOR_REPORT,
    SEND_ANSWER,
    SET_MAIL_ASIDE,
    TAKE_MAIL,
    AnswerJob,
    AnswerTry,
    Look,
    LookJob,
    MailRef,
    MailTaken,
    ReportState,
    SetMailAside,
)
from invoicing.records.message_steps import DeliveryTry
from usecases import answer_mail, mailbox, take_in_mail

bp = df.Blueprint()


@activity(bp, LOOK_AT_MAILBOX)
def look_at_mailbox(job: LookJob) -> Look:
    """Look which mails there are."""
    return mailbox.look(services.current())


@activity(bp, TAKE_MAIL)
def take_mail(job: MailRef) -> MailTaken:
    """Take in one mail."""
    return take_in_mail.take_mail(services.current(), job)


@activity(bp, SET_MAIL_ASIDE)
def set_mail_aside(job: SetMailAside) -> MailTaken:
    """Set a mail aside that breaks its step."""
    return take_in_mail.set_aside(services.current(), job)


@activity(bp, LOOK_FOR_REPORT)
def look_for_report(job: AnswerJob) -> ReportState:
    """Say whether there is something to answer."""
    return answer_mail.look_for_report(services.current(), job)


@activity(bp, SEND_ANSWER)
def send_mail_answer(job: AnswerTry) -> DeliveryTry:
    """Try to answer a mail once."""
    return answer_mail.send_answer(services.current(), job)
