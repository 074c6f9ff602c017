"""Deliver one message, or a digest, over the channel that it is for; shared by all that sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters import digest_messages, mail, messages, policies, teams
from adapters.channels import NotSent
from adapters.digest_messages import DigestLine
from adapters.links import DEFAULT_LIFETIME, Purpose
from adapters.messages import Occasion
from adapters.services import Services
from invoicing.approval.policy import PolicyInvalid
from invoicing.records.messages import Message, MessageKind, Notice
from stores import outbox
from usecases.approval_view import ApprovalView

#: Messages that ask for something, and what their link is for; the others only tell.
ASKS: dict[MessageKind, Purpose] = {
    "request": "decide",
    "reminder": "decide",
    "escalation": "decide",
    "answer": "decide",
    "question": "answer",
}


@dataclass(frozen=True)
class Envelope:
    """What a message is known by however often it is tried, and when it was made.

    `part`: which of how many mails.
    """

    id: str
    created: datetime
    part: tuple[int, int] = (1, 1)


def alone(services: Services, notice: Notice, view: ApprovalView, envelope: Envelope) -> None:
    """Send a message by itself. Raises NotSent, and SettingError where a setting that it needs is missing."""
    occasion = _occasion(services, notice, view)
    if notice.channel == "teams":
        shown = [name_of(services, person) for person in notice.to]
        card = messages.card(occasion, shown, services.links.page(notice.approval))
        teams.post(services.settings.channels.teams_webhook or "", card)
        return

    (person,) = notice.to
    token = _token(services, notice, view.request.document.sha256, person)
    message = messages.render(
        occasion,
        id=envelope.id,
        to=person,
        to_name=name_of(services, person),
        link=services.links.page(notice.approval, token),
        personal=token is not None,
    )
    send(services, notice.channel, message, envelope.created)


def together(services: Services, gathered: Sequence[Notice], envelope: Envelope) -> None:
    """Send messages to one person over one channel as a digest. Raises as `alone`."""
    inbox = f"{services.links.home()}/inbox"
    if gathered[0].channel == "teams":
        card = digest_messages.card([_line(services, notice, None) for notice in gathered], inbox)
        teams.post(services.settings.channels.teams_webhook or "", card)
        return

    (person,) = gathered[0].to
    lines = [_line(services, notice, person) for notice in gathered]
    message = digest_messages.render(
        lines, id=envelope.id, to=person, to_name=name_of(services, person), link=inbox, part=envelope.part
    )
    send(services, gathered[0].channel, message, envelope.created)


def may_help_again(error: Exception) -> bool:
    """Whether another try may help: a channel says so, and a setting that is missing can be set."""
    return error.again if isinstance(error, NotSent) else True


def name_of(services: Services, person: str) -> str:
    """A person's name from the policy; a policy that cannot be used now is no reason not to write."""
    try:
        known = policies.load(services.settings).people.get(person)
    except PolicyInvalid:
        known = None
    return known.name if known else person


def send(services: Services, channel: str, message: Message, created: datetime) -> None:
    """Send a mail, or leave it in the outbox. Raises NotSent."""
    server = services.settings.channels.smtp
    if channel == "mail" and server:
        mail.send(server, services.settings.channels.mail_from, message, created)
    else:  # the outbox, also where mail was switched off after the message was queued
        outbox.put(services.blobs, message, created)


def _line(services: Services, notice: Notice, person: str | None) -> DigestLine:
    """A line for a person; without one, for all who read a channel, hence without a signed link."""
    token = _token(services, notice, notice.line.sha256, person) if person else None
    return DigestLine(
        approval=notice.approval,
        kind=notice.kind,
        invoice=notice.line,
        link=services.links.page(notice.approval, token),
        people=() if person else tuple(name_of(services, reader) for reader in notice.to),
        deadline=notice.deadline,
        author=name_of(services, notice.author) if notice.author else "",
        comment=notice.comment,
        outcome=notice.outcome,
    )


def _token(services: Services, notice: Notice, sha256: str, person: str) -> str | None:
    """A signed link for messages that ask for something; it lasts as long as the stage does."""
    purpose = ASKS.get(notice.kind)
    if purpose is None:
        return None
    return services.links.sign(
        notice.approval,
        notice.stage,
        person,
        sha256,
        purpose=purpose,
        expires=notice.deadline or notice.created + DEFAULT_LIFETIME,
        serial=notice.id,
    )


def _occasion(services: Services, notice: Notice, view: ApprovalView) -> Occasion:
    """What was said comes with the message: the ledger may hold more by the time that it is sent."""
    outcome = notice.outcome or view.outcome or "closed"
    return Occasion(
        kind=notice.kind,
        stage=notice.stage,
        request=view.request,
        author=name_of(services, notice.author) if notice.author else "",
        comment=notice.comment,
        outcome=outcome.capitalize(),
        deadline=notice.deadline,
    )


def is_needed(notice: Notice, view: ApprovalView) -> bool:
    """Whether it still makes sense: nobody is asked for what was settled while a mail server was down."""
    if notice.kind not in ASKS:
        return True

    current = view.open_stage
    if view.closed or view.outcome:
        return False
    if current is None or current.name != notice.stage:
        # The stage may be about to open; one that is behind us is not.
        return any(stage.name == notice.stage and stage.status == "waiting" for stage in view.stages)
    if notice.kind == "question":
        return current.question is not None
    return not set(notice.to) <= set(current.approvals.values())
