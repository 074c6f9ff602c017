"""Invoices by mail: an eternal workflow that watches a folder, and the workflow of one answer.

    look -> take each mail -> wait, longer while nothing comes -> begin anew

Two patterns. The watch is a monitor that never ends: each run is one look, and it goes on as a new one
(`continue_as_new`), so that its history stays short. An answer is a monitor that ends: it looks for the
report of its batch with growing pauses, then sends it. It is started apart, so that a batch that takes an
hour holds back no other mail.

All that must not be done twice is noted in storage by the steps. So the watch may die anywhere, and may be
started again by anybody.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from invoicing.failures import cause_of
from invoicing.mails import watching
from invoicing.records.mailbox_steps import (
    LOOK_AT_MAILBOX,
    LOOK_FOR_REPORT,
    MAIL_ANSWER,
    MAILBOX,
    SEND_ANSWER,
    SET_MAIL_ASIDE,
    TAKE_MAIL,
    AnswerJob,
    AnswerTry,
    Look,
    LookJob,
    MailboxEnded,
    MailboxProgress,
    MailRef,
    SetMailAside,
)
from invoicing.records.message_steps import Delivery
from orchestrators.delivery import deliver
from orchestrators.retry import ActivityGaveUp
from orchestrators.steps import call, input_of
from orchestrators.waiting import sleep

bp = df.Blueprint()

#: Mails in a row that may fail because of the server before the rest is left for the next look.
PATIENCE = 2
#: Pauses between looks for a report, each twice the one before, and how long one is waited for at all. Each
#: look makes the history longer, which every replay reads: so they are few.
FIRST_LOOK = timedelta(seconds=5)
LONGEST_LOOK = timedelta(hours=2)
LONGEST_WAIT = timedelta(days=1)


@bp.orchestration_trigger(context_name="context", orchestration=MAILBOX.name)
def watch_mailbox(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """One look into the folder, and what comes of it. Its types are those of `MAILBOX`.

    It ends where no setting names a mailbox any more. The custom status is a `MailboxProgress`.
    """
    watch = input_of(context, MAILBOX)
    look = yield from _look(context)
    if look.condition == "off":
        return MAILBOX.written_output(MailboxEnded())

    taken, trouble = yield from _take_all(context, look.mails)
    watch = watching.after(watch, look, trouble)
    pause = watching.pause(watch, look)
    progress = MailboxProgress(condition=look.condition, taken=taken, pause=round(pause.total_seconds()))
    context.set_custom_status(progress.as_plain())
    yield from sleep(context, pause)
    context.continue_as_new(MAILBOX.written_input(watch))
    return None


def _look(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Look]:
    """Look which mails there are; a look that breaks is one at a server that is away."""
    try:
        return (yield from call(context, LOOK_AT_MAILBOX, LookJob()))
    except ActivityGaveUp as failure:
        return Look(condition="away", error=str(failure))


def _take_all(
    context: df.DurableOrchestrationContext, mails: tuple[MailRef, ...]
) -> Generator[Any, Any, tuple[int, bool]]:
    """Take mails one after the other; returns how many, and whether something was in the way."""
    taken = in_the_way = 0
    trouble = False
    for ref in mails:
        done = yield from _take(context, ref)
        taken += done
        in_the_way = 0 if done else in_the_way + 1
        trouble = trouble or not done
        if in_the_way == PATIENCE:
            break
    return taken, trouble


def _take(context: df.DurableOrchestrationContext, ref: MailRef) -> Generator[Any, Any, bool]:
    """Take one mail; says whether that is done. One that breaks its step is set aside."""
    try:
        taken = yield from call(context, TAKE_MAIL, ref)
        return taken.condition == "ok"
    except ActivityGaveUp as failure:
        reason = str(failure)
    if cause_of(reason) == "outage":
        return False  # no mail's fault: it waits for the next look
    try:
        aside = SetMailAside(**ref.model_dump(), reason=reason)
        taken = yield from call(context, SET_MAIL_ASIDE, aside)
    except ActivityGaveUp:
        return False
    return taken.condition == "ok"


@bp.orchestration_trigger(context_name="context", orchestration=MAIL_ANSWER.name)
def answer_mail(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Answer a mail once its batch is reported. Its types are those of `MAIL_ANSWER`; it never raises."""
    job = input_of(context, MAIL_ANSWER)
    try:
        goes_out = yield from _report_is_there(context, job)
    except ActivityGaveUp as failure:
        return MAIL_ANSWER.written_output(Delivery(outcome="failed", error=str(failure), attempts=0))
    if not goes_out:
        return MAIL_ANSWER.written_output(Delivery(outcome="obsolete", attempts=0))

    def attempt(last: bool) -> AnswerTry:
        return AnswerTry(mail=job.mail, last=last)

    delivery = yield from deliver(context, SEND_ANSWER, attempt)
    return MAIL_ANSWER.written_output(delivery)


def _report_is_there(context: df.DurableOrchestrationContext, job: AnswerJob) -> Generator[Any, Any, bool]:
    """Wait for the report, with growing pauses; says whether there is something to answer.

    After a day the answer goes out without it. A batch that was stopped is answered by who stopped it.
    """
    pause, ends = FIRST_LOOK, context.current_utc_datetime + LONGEST_WAIT
    while True:
        report = yield from call(context, LOOK_FOR_REPORT, job)
        if report.state != "running":
            return report.state == "ready"
        if context.current_utc_datetime >= ends:
            return True
        yield from sleep(context, pause)
        pause = min(pause * 2, LONGEST_LOOK)
