"""Delivering: one message, or a digest, over the channel that it is for. Shared by the steps that send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters import digest_messages, mail, messages, policies, teams
from adapters.digest_messages import DigestLine
from adapters.links import DEFAULT_LIFETIME, Purpose
from adapters.messages import Occasion
from adapters.services import Services
from invoicing.approval.policy import PolicyInvalid
from invoicing.records.messages import Message
from stores import outbox
from stores.notices import Notice
from usecases.approval_view import ApprovalView

#: Messages that ask for something, and what their link is for; the others only tell.
ASKS: dict[str, Purpose] = {
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


def alone(here: Services, notice: Notice, view: ApprovalView, envelope: Envelope) -> None:
    """Send a message by itself. Raises NotSent, and SettingError where a setting that it needs is missing."""
    occasion = _occasion(here, notice, view)
    if notice.channel == "teams":
        shown = [name_of(here, person) for person in notice.to]
        card = messages.card(occasion, shown, here.links.page(notice.approval))
        teams.post(here.settings.channels.teams_webhook or "", card)
        return

    (person,) = notice.to
    token = _token(here, notice, view.request.document.sha256, person)
    message = messages.render(
        occasion,
        id=envelope.id,
        to=person,
        to_name=name_of(here, person),
        link=here.links.page(notice.approval, token),
        personal=token is not None,
    )
    _send(here, notice.channel, message, envelope.created)


def together(here: Services, found: Sequence[Notice], envelope: Envelope) -> None:
    """Send messages to one person over one channel as a digest. Raises as `alone`."""
    inbox = f"{here.links.home()}/inbox"
    if found[0].channel == "teams":
        card = digest_messages.card([_line(here, notice, None) for notice in found], inbox)
        teams.post(here.settings.channels.teams_webhook or "", card)
        return

    (person,) = found[0].to
    lines = [_line(here, notice, person) for notice in found]
    message = digest_messages.render(
        lines, id=envelope.id, to=person, to_name=name_of(here, person), link=inbox, part=envelope.part
    )
    _send(here, found[0].channel, message, envelope.created)


def name_of(here: Services, person: str) -> str:
    """A person's name from the policy; a policy that cannot be used now is no reason not to write."""
    try:
        known = policies.load(here.settings).people.get(person)
    except PolicyInvalid:
        known = None
    return known.name if known else person


def _send(here: Services, channel: str, message: Message, created: datetime) -> None:
    server = here.settings.channels.smtp
    if channel == "mail" and server:
        mail.send(server, here.settings.channels.mail_from, message, created)
    else:  # the outbox, also where mail was switched off after the message was queued
        outbox.put(here.blobs, message, created)


def _line(here: Services, notice: Notice, person: str | None) -> DigestLine:
    """A line for a person; without one, for all who read a channel, hence without a signed link."""
    token = _token(here, notice, notice.line.sha256, person) if person else None
    return DigestLine(
        approval=notice.approval,
        kind=notice.kind,
        invoice=notice.line,
        link=here.links.page(notice.approval, token),
        people=() if person else tuple(name_of(here, one) for one in notice.to),
        deadline=notice.deadline,
        author=name_of(here, notice.author) if notice.author else "",
        comment=notice.comment,
        outcome=notice.outcome,
    )


def _token(here: Services, notice: Notice, sha256: str, person: str) -> str | None:
    """A signed link for messages that ask for something; it lasts as long as the stage does."""
    purpose = ASKS.get(notice.kind)
    if purpose is None:
        return None
    return here.links.sign(
        notice.approval,
        notice.stage,
        person,
        sha256,
        purpose=purpose,
        expires=notice.deadline or notice.created + DEFAULT_LIFETIME,
        serial=notice.id,
    )


def _occasion(here: Services, notice: Notice, view: ApprovalView) -> Occasion:
    """What was said comes with the message: the ledger may hold more by the time that it is sent."""
    outcome = notice.outcome or view.outcome or "closed"
    return Occasion(
        kind=notice.kind,
        stage=notice.stage,
        request=view.request.as_plain(),
        author=name_of(here, notice.author) if notice.author else "",
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
        return any(one.name == notice.stage and one.status == "waiting" for one in view.stages)
    if notice.kind == "question":
        return current.question is not None
    return not set(notice.to) <= set(current.approvals.values())
