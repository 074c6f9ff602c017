"""What the API says of an invoice that came alone, as a pure function of what is known of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from stores.intake_records import InvoiceRecord, told
from triggers.batch_view import loaded, state_of

#: Statuses in which an invoice changes no more.
ENDED = (
    "booked",
    "rejected",
    "expired",
    "invalid",
    "unreadable",
    "set_aside",
    "duplicate",
    "failed",
    "stopped",
    "completed",
)
_TOLD = ("stage", "by", "holder", "undone", "not_undone")


def view(
    record: InvoiceRecord, status: Any, row: dict[str, Any] | None, base: str, key: str | None = None
) -> dict[str, Any]:
    """The body of an invoice's status.

    `record` is what was stored at the start, `status` the durable client's (falsy: no instance), `row` the
    result of the check where there is one, `base` our own URL of the collection, `key` the function key of
    the query to carry over into the links.
    """
    state, output = state_of(status), loaded(getattr(status, "output", None))
    custom = loaded(getattr(status, "custom_status", None))
    output, custom = (one if isinstance(one, dict) else {} for one in (output, custom))
    approval = output.get("approval") or custom.get("approval")
    return {
        "id": record.id,
        "status": state,
        "phase": custom.get("phase", "waiting") if state == "running" else state,
        "created": told(record.created),
        **{name: getattr(record, name) for name in ("name", "size", "sha256", "sender")},
        "approval": approval,
        **{name: output[name] for name in _TOLD if name in output},
        "invoice": (row or {}).get("invoice"),
        "findings": (row or {}).get("findings", []),
        "error": _error(state, output, status),
        "links": links(base, record.id, approval, key),
    }


def links(base: str, invoice: str, approval: str | None, key: str | None = None) -> dict[str, str]:
    """Where to go from here; our own URLs, never those of the host's management API."""
    suffix = f"?code={quote(key)}" if key else ""
    found = {"self": f"{base}/{invoice}{suffix}"}
    if approval:
        found["approval"] = f"{base.removesuffix('/invoices')}/approvals/{approval}{suffix}"
    return found


def _error(state: str, output: dict[str, Any], status: Any) -> dict[str, str] | None:
    if "error" in output or state != "failed":
        return output.get("error")
    first = str(getattr(status, "output", "") or "").split("\n", 1)[0][:500]
    message = first or "The invoice could not be processed; the log has the details."
    return {"code": "orchestration_failed", "message": message}
