"""Send one message over its channel, unless it is no longer needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df

from adapters import approvals, mail, messages, notices, outbox, policies, services, teams
from adapters.approvals import ApprovalMissing, ApprovalView
from adapters.blobs import BlobMissing
from adapters.channels import NotSent
from adapters.links import DEFAULT_LIFETIME, Purpose
from adapters.messages import Occasion
from adapters.notices import Notice, State
from adapters.records import RecordDamaged
from adapters.services import Services
from adapters.settings import SettingError
from invoicing.approval.policy import PolicyInvalid

bp = df.Blueprint()

#: Messages that ask for something, and what their link is for; the others only tell.
_ASKS: dict[str, Purpose] = {
    "request": "decide",
    "reminder": "decide",
    "escalation": "decide",
    "answer": "decide",
    "question": "answer",
}


@bp.activity_trigger(input_name="job")
def send_notification(job: dict) -> dict:
    """Try to send a message once, and note what became of it.

    Input: `{"approval", "notice", "last": whether this is the last try}`.
    Output: `{"outcome": "sent" | "again" | "failed" | "obsolete", "error"?}`. A channel that does not work is
    an outcome; it raises only where the storage is away. A message that was sent and whose sending could not
    be noted is sent again: with the same Message-ID, and with the same link.
    """
    here = services.current()
    try:
        notice = notices.read(here.blobs, job["approval"], job["notice"])
        view = approvals.read(here.blobs, job["approval"])
    except (BlobMissing, ApprovalMissing) as error:
        return {"outcome": "obsolete", "error": str(error)}
    except RecordDamaged as error:
        return {"outcome": "failed", "error": str(error)}
    if notice.state in ("sent", "obsolete"):
        return {"outcome": notice.state}
    if not _needed(notice, view):
        return _noted(here, notice, "obsolete")
    try:
        _deliver(here, notice, view)
    except (NotSent, SettingError) as error:
        again = getattr(error, "again", True) and not job["last"]
        return _noted(here, notice, "retrying" if again else "failed", str(error))
    return _noted(here, notice, "sent")


def _noted(here: Services, notice: Notice, state: State, error: str | None = None) -> dict[str, Any]:
    attempts = notice.attempts + (state != "obsolete")
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    notices.write(here.blobs, replace(notice, state=state, error=error, attempts=attempts, at=at))
    outcome = "again" if state == "retrying" else state
    return {"outcome": outcome, "error": error} if error else {"outcome": outcome}


def _needed(notice: Notice, view: ApprovalView) -> bool:
    """Whether it still makes sense: nobody is asked for what was settled while a mail server was down."""
    if notice.kind not in _ASKS:
        return True
    current = view.open_stage
    if view.closed or view.outcome:
        return False
    if current is None or current.name != notice.stage:
        # The stage may be about to open; one that is behind us is not.
        return any(one.name == notice.stage and one.status == "waiting" for one in view.stages)
    return notice.kind != "question" or current.question is not None


# ---------------------------------------------------------------- over each channel


def _deliver(here: Services, notice: Notice, view: ApprovalView) -> None:
    """Raises NotSent, and SettingError where the configuration lacks what a message needs."""
    occasion, created = _occasion(here, notice, view), datetime.fromisoformat(notice.created)
    if notice.channel == "teams":
        shown = [_name(here, person) for person in notice.to]
        card = messages.card(occasion, shown, here.links.page(notice.approval))
        teams.post(here.settings.channels.teams_webhook or "", card)
        return
    (person,) = notice.to
    token = _token(here, notice, view, person)
    message = messages.render(
        occasion,
        id=notice.id,
        to=person,
        to_name=_name(here, person),
        link=here.links.page(notice.approval, token),
        personal=token is not None,
    )
    server = here.settings.channels.smtp
    if notice.channel == "mail" and server:
        mail.send(server, here.settings.channels.mail_from, message, created)
    else:  # the outbox, also where mail was switched off after the message was queued
        outbox.put(here.blobs, message, notice.kind, notice.approval, created)


def _token(here: Services, notice: Notice, view: ApprovalView, person: str) -> str | None:
    """A signed link for messages that ask for something; it lasts as long as the stage does."""
    purpose = _ASKS.get(notice.kind)
    if purpose is None:
        return None
    deadline = notice.details.get("deadline")
    created = datetime.fromisoformat(notice.created)
    return here.links.sign(
        notice.approval,
        notice.stage,
        person,
        view.request["document"]["sha256"],
        purpose=purpose,
        expires=datetime.fromisoformat(deadline) if deadline else created + DEFAULT_LIFETIME,
        serial=notice.id,
    )


def _occasion(here: Services, notice: Notice, view: ApprovalView) -> Occasion:
    """What was said comes with the message: the ledger may hold more by the time that it is sent."""
    said = notice.details
    author, outcome = said.get("author"), said.get("outcome") or view.outcome or "closed"
    return Occasion(
        kind=notice.kind,
        stage=notice.stage,
        request=view.request,
        author=_name(here, author) if author else "",
        comment=said.get("comment") or "",
        outcome=str(outcome).capitalize(),
        deadline=said.get("deadline"),
    )


def _name(here: Services, person: str) -> str:
    """A person's name from the policy; a policy that cannot be used now is no reason not to write."""
    try:
        known = policies.load(here.settings).people.get(person)
    except PolicyInvalid:
        known = None
    return known.name if known else person
