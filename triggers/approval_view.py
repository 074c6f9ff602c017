"""What the API says of approvals, absences and messages, as pure functions of what is known of them."""

from __future__ import annotations

from invoicing.approval.ledger import Entry
from invoicing.approval.stages import StageState
from invoicing.records.absence import Absence
from invoicing.records.answers import approvals as answers
from invoicing.records.approval import InboxEntry
from invoicing.records.messages import Notice
from stores.records import Listed
from triggers.own_links import OwnLinks
from usecases.approval_view import ApprovalView


def listed(entry: InboxEntry, own: OwnLinks) -> answers.OpenApproval:
    """One open approval in a list; `own` are links to the collection."""
    links = {"self": own.to(f"/{entry.approval}")}
    return answers.OpenApproval.model_validate({**dict(entry), "links": links})


def view(found: ApprovalView, notices: Listed[Notice], own: OwnLinks, page: str | None) -> answers.Approval:
    """One approval: what is to be approved, its stages, its history, and what became of its messages.

    `page`: the address of its page, None where that is not known.
    """
    request = found.request
    return answers.Approval(
        approval=found.approval,
        ref=request.ref,
        status=found.outcome or "open",
        closed=found.closed,
        created=request.created,
        sender=request.sender,
        rule=request.rule,
        facts=request.facts,
        comparison=request.comparison,
        supplier=request.supplier,
        document=answers.ApprovedDocument(
            name=request.document.name, sha256=request.document.sha256, kind=request.document.kind
        ),
        invoice=request.row.invoice,
        findings=request.row.findings,
        checked=request.row.checked,
        fully_checked=request.row.fully_checked,
        match=request.match,
        stage=found.open_stage.name if found.open_stage else None,
        waiting_for=found.waiting_for,
        stages=tuple(stage_view(stage) for stage in found.stages),
        history=tuple(entry_view(entry) for entry in found.entries),
        notifications=tuple(notice_view(notice) for notice in notices.found),
        damaged_notifications=tuple(notices.damaged),
        links=_links(found.approval, own, page),
    )


def _links(approval: str, own: OwnLinks, page: str | None) -> dict[str, str]:
    found = {
        "self": own.to(f"/{approval}"),
        "decisions": own.to(f"/{approval}/decisions"),
        "document": own.to(f"/{approval}/document"),
    }
    return found | ({"page": page} if page else {})


def stage_view(state: StageState) -> answers.Stage:
    """One stage; before it opens, those who will be asked."""
    return answers.Stage(
        name=state.name,
        status=state.status,
        approvers=state.approvers or state.stage.approvers,
        quorum=state.stage.quorum,
        approvals=len(state.approvals),
        since=state.since,
        ended=state.ended,
        question_by=state.question,
        escalated=state.escalated,
        reminders=state.reminders,
    )


def entry_view(entry: Entry) -> answers.Entry:
    """One entry of the ledger, without how it is stored and recognised."""
    return answers.Entry.model_validate(entry.as_plain())


def notice_view(notice: Notice) -> answers.Notification:
    """One message: to whom, over which channel, when it goes out, and whether it arrived there."""
    return answers.Notification.model_validate({**dict(notice), "goes_out": notice.goes_out})


def absence_view(absence: Absence) -> answers.Delegation:
    """Who is away until when, and who decides meanwhile."""
    return answers.Delegation(who=absence.who, to=absence.to, until=absence.until, created=absence.created)
