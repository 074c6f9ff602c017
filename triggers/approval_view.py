"""What the API says of approvals, absences and messages, as pure functions of what is known of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter

from invoicing.approval.delegation import Delegation
from invoicing.approval.facts import Facts
from invoicing.approval.ledger import Entry
from invoicing.records.approval import InboxEntry
from stores.approvals import ApprovalView
from stores.notices import Notice
from stores.records import Listed

# What of the ledger is not told: how an entry is stored and recognised.
_UNTOLD = ("key", "link_id", "previous", "signature", "signed_with")


def listed(item: InboxEntry, base: str, key: str | None) -> dict[str, Any]:
    """One open approval in a list; `base` is our own URL of the collection, `key` the caller's."""
    return {
        **item.as_plain(),
        "links": {"self": _url(base, item.approval, key)},
    }


def view(
    found: ApprovalView, notices: Listed[Notice], base: str, key: str | None, page: str | None
) -> dict[str, Any]:
    """One approval: what is to be approved, its stages, its history, and what became of its messages."""
    request = found.request
    own = _url(base, found.approval, key)
    links = {
        "self": own,
        "decisions": _url(base, f"{found.approval}/decisions", key),
        "document": _url(base, f"{found.approval}/document", key),
    }
    return {
        "approval": found.approval,
        "ref": request.ref,
        "status": found.outcome or "open",
        "closed": found.closed,
        "created": request.created.isoformat(),
        "sender": request.sender,
        "rule": request.rule,
        "facts": TypeAdapter(Facts).dump_python(request.facts, mode="json"),
        "document": request.document.model_dump(mode="json", include={"name", "sha256", "kind"}),
        "invoice": request.row.invoice.as_plain() if request.row.invoice else None,
        "findings": [finding.as_dict() for finding in request.row.findings],
        "stage": found.open_stage.name if found.open_stage else None,
        "waiting_for": list(found.waiting_for),
        "stages": [stage.as_dict() for stage in found.stages],
        "history": [entry_view(entry) for entry in found.entries],
        "notifications": [notice_view(notice) for notice in notices.found],
        "damaged_notifications": notices.damaged,
        "links": links | ({"page": page} if page else {}),
    }


def entry_view(entry: Entry) -> dict[str, Any]:
    """One entry of the ledger; `hash` proves it against a later reading."""
    return {name: value for name, value in entry.as_dict().items() if name not in _UNTOLD}


def notice_view(notice: Notice) -> dict[str, Any]:
    """One message: to whom, over which channel, when it goes out, and whether it arrived there."""
    return {
        "id": notice.id,
        "kind": notice.kind,
        "stage": notice.stage,
        "channel": notice.channel,
        "to": list(notice.to),
        "created": notice.created.isoformat(),
        "goes_out": notice.goes_out.isoformat(),
        "state": notice.state,
        "attempts": notice.attempts,
        "error": notice.error,
        "at": notice.at.isoformat() if notice.at else None,
    }


def absence_view(absence: Delegation) -> dict[str, Any]:
    """Who is away until when, and who decides meanwhile."""
    return absence.as_dict()


def _url(base: str, rest: str, key: str | None) -> str:
    return f"{base}/{rest}" + (f"?code={quote(key)}" if key else "")
