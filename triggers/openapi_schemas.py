"""The schemas (JSON Schema 2020-12) of the API's bodies."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_TIME: Schema = {"type": "string", "format": "date-time"}
_MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_WHOLE: Schema = {"type": "integer", "minimum": 0}
_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
_DAMAGED: Schema = {
    **_TEXTS,
    "description": "Names of stored records of this list that cannot be read; the others are there.",
}
_SHA256: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_LINKS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_COUNTS: Schema = {"type": "object", "additionalProperties": _WHOLE}
_MONEY: Schema = {"type": ["string", "null"], "description": "A decimal number.", "examples": ["1190.00"]}


def ref(name: str) -> Schema:
    """A reference to one of the schemas below."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Schema, *optional: str) -> Schema:
    """An object of these properties; all are there but the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _list(name: str) -> Schema:
    return {"type": "array", "items": ref(name)}


def _one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


_INVOICE_STATUSES = (
    "running",
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
    "missing",
)
_BATCH_STATUSES = ("running", "completed", "failed", "stopped", "stopping", "missing")

_INVOICE_DATA = _object(
    {
        **dict.fromkeys(("number", "type_code", "issue_date", "due_date", "currency"), _MAYBE_TEXT),
        **dict.fromkeys(("seller", "seller_vat_id", "seller_legal_id", "seller_country"), _MAYBE_TEXT),
        **dict.fromkeys(("buyer", "order_reference"), _MAYBE_TEXT),
        **dict.fromkeys(("net", "tax", "gross", "payable"), _MONEY),
        "tax_breakdown": {"type": "array", "items": {"type": "object"}},
        "iban": {**_MAYBE_TEXT, "description": "The first account to pay to that is an IBAN."},
        "accounts": {**_TEXTS, "description": "All accounts to pay to."},
    }
)

SCHEMAS: dict[str, Schema] = {
    "Error": _object(
        {"error": _object({"code": _TEXT, "message": _TEXT, "detail": {}}, "detail")},
    ),
    "Finding": _object(
        {
            "rule": _TEXT,
            "severity": _one_of("fatal", "warning", "information"),
            "text": _TEXT,
            "place": _MAYBE_TEXT,
            "source": _one_of("file", "xml", "schema", "en16931", "xrechnung", "settle"),
        }
    ),
    "InvoiceData": _INVOICE_DATA,
    "InvoiceAccepted": _object(
        {"id": _TEXT, "status": _one_of(*_INVOICE_STATUSES), "created": _TIME, "links": _LINKS}
    ),
    "Invoice": _object(
        {
            "id": {"type": "string", "pattern": "^i[0-9a-f]{24}$"},
            "status": _one_of(*_INVOICE_STATUSES),
            "phase": {"type": "string", "description": "The step while it runs, else the status."},
            "created": _TIME,
            "name": _TEXT,
            "size": _WHOLE,
            "sha256": _SHA256,
            "sender": _MAYBE_TEXT,
            "approval": _MAYBE_TEXT,
            "stage": _MAYBE_TEXT,
            "by": _MAYBE_TEXT,
            "holder": {"type": "string", "description": "Of a duplicate: the document that came first."},
            "undone": {**_TEXTS, "description": "Steps that were taken back, in that order."},
            "not_undone": _TEXTS,
            "invoice": {"oneOf": [ref("InvoiceData"), {"type": "null"}]},
            "findings": _list("Finding"),
            "error": {"type": ["object", "null"]},
            "links": _LINKS,
        },
        *("stage", "by", "holder", "undone", "not_undone"),
    ),
    "BatchFromContainer": _object(
        {
            "container": _TEXT,
            "prefix": _TEXT,
            "wait": {"type": "boolean", "default": False},
            "approval": {"type": "boolean", "default": True},
        },
        *("prefix", "wait", "approval"),
    ),
    "BatchAccepted": _object(
        {"id": _TEXT, "status": _one_of(*_BATCH_STATUSES), "created": _TIME, "links": _LINKS}
    ),
    "Batch": _object(
        {
            "id": {"type": "string", "pattern": "^b[0-9a-f]{24}$"},
            "status": _one_of(*_BATCH_STATUSES),
            "phase": _TEXT,
            "done": _WHOLE,
            "total": _WHOLE,
            "counts": {**_COUNTS, "description": "Documents by outcome."},
            "created": _TIME,
            "source": _MAYBE_TEXT,
            "approvals": {"description": "What became of the approvals of a batch that waited for them."},
            "error": {"type": ["object", "null"]},
            "links": _LINKS,
        },
        "approvals",
    ),
    "Batches": _object({"batches": _list("Batch"), "damaged": _DAMAGED, "links": _LINKS}),
    "OpenApproval": _object(
        {
            "approval": _TEXT,
            "ref": _TEXT,
            "supplier": _MAYBE_TEXT,
            "number": _MAYBE_TEXT,
            "amount": {**_MONEY, "description": "Without a sign: `type_code` tells a credit note."},
            "currency": _MAYBE_TEXT,
            "type_code": {**_MAYBE_TEXT, "description": "BT-3; null where the entry does not say it."},
            "stage": _TEXT,
            "approvers": {**_TEXTS, "description": "Whom it waits for."},
            "since": _TIME,
            "created": _TIME,
            "findings": _WHOLE,
            "batch": _MAYBE_TEXT,
            "links": _LINKS,
        }
    ),
    "OpenApprovals": _object(
        {"approvals": _list("OpenApproval"), "total": _WHOLE, "damaged": _DAMAGED},
    ),
    "Stage": _object(
        {
            "name": _TEXT,
            "status": _one_of("waiting", "open", "approved", "rejected", "expired"),
            "approvers": _TEXTS,
            "quorum": _WHOLE,
            "approvals": _WHOLE,
            "since": _MAYBE_TIME,
            "ended": _MAYBE_TIME,
            "question_by": _MAYBE_TEXT,
            "escalated": {"type": "boolean"},
            "reminders": _WHOLE,
        }
    ),
    "Entry": _object(
        {
            "seq": {"type": "integer", "minimum": 1},
            "kind": _TEXT,
            "at": _TIME,
            "stage": _MAYBE_TEXT,
            "who": _MAYBE_TEXT,
            "on_behalf_of": _MAYBE_TEXT,
            "comment": _TEXT,
            "sha256": _MAYBE_TEXT,
            "via": _MAYBE_TEXT,
            "detail": {"type": "object"},
            "hash": {**_SHA256, "description": "Of this entry and, by the chain, of all before."},
        }
    ),
    "Notification": _object(
        {
            "id": _TEXT,
            "kind": _one_of("request", "reminder", "escalation", "expired", "question", "answer", "decided"),
            "stage": _TEXT,
            "channel": _one_of("mail", "teams", "outbox"),
            "to": _TEXTS,
            "created": _TIME,
            "goes_out": {**_TIME, "description": "With the others that are gathered until then."},
            "state": _one_of("queued", "retrying", "sent", "failed", "obsolete"),
            "attempts": _WHOLE,
            "error": _MAYBE_TEXT,
            "at": _MAYBE_TIME,
        }
    ),
    "Approval": _object(
        {
            "approval": {"type": "string", "pattern": "^a[0-9a-f]{24}$"},
            "ref": _TEXT,
            "status": _one_of("open", "approved", "rejected", "expired", "failed"),
            "closed": {"type": "boolean"},
            "created": _TIME,
            "sender": _MAYBE_TEXT,
            "rule": _MAYBE_TEXT,
            "facts": {"type": "object"},
            "document": _object({"name": _TEXT, "sha256": _SHA256, "kind": _MAYBE_TEXT}),
            "invoice": {"oneOf": [ref("InvoiceData"), {"type": "null"}]},
            "findings": _list("Finding"),
            "stage": {**_MAYBE_TEXT, "description": "The stage that waits for a decision."},
            "waiting_for": _TEXTS,
            "stages": _list("Stage"),
            "history": _list("Entry"),
            "notifications": _list("Notification"),
            "damaged_notifications": _DAMAGED,
            "links": _LINKS,
        }
    ),
    "Decision": {
        **_object(
            {
                "decision": _one_of("approve", "reject", "ask", "answer"),
                "comment": {
                    "type": "string",
                    "maxLength": 2000,
                    "description": "Needed for all but approve.",
                },
                "stage": {"type": "string", "description": "May be left out where a link says it."},
                "sha256": {
                    **_SHA256,
                    "description": "Of the document that was looked at; a link says it, too.",
                },
                "t": {"type": "string", "description": "The token of a link, if it is not in the query."},
            },
            *("comment", "stage", "sha256", "t"),
        ),
        "additionalProperties": False,
    },
    "Decided": _object({"approval": _TEXT, "entry": ref("Entry")}),
    "NewDelegation": {
        **_object(
            {
                "until": {
                    "type": "string",
                    "description": "A day, which counts to its end (UTC), or a time with zone.",
                    "examples": ["2026-05-31", "2026-05-31T18:00:00+02:00"],
                },
                "to": {**_TEXT, "description": "Who stands in; may be left out where the policy names one."},
            },
            "to",
        ),
        "additionalProperties": False,
    },
    "Delegation": _object({"who": _TEXT, "to": _TEXT, "until": _TIME, "created": _TIME}),
    "Delegations": _object({"delegations": _list("Delegation"), "damaged": _DAMAGED}),
    "DelegationMade": _object({"delegation": ref("Delegation")}),
    "Outbox": _object(
        {
            "messages": {
                "type": "array",
                "items": _object(
                    {
                        **dict.fromkeys(("created", "id", "to", "to_name"), _TEXT),
                        **dict.fromkeys(("subject", "text", "html", "link"), _TEXT),
                        "items": {
                            "type": "array",
                            "description": "What it speaks of; a digest has several.",
                            "items": _object(dict.fromkeys(("approval", "kind", "title", "link"), _TEXT)),
                        },
                    }
                ),
            },
            "damaged": _DAMAGED,
            "page": _MAYBE_TEXT,
        }
    ),
    "Case": _object(
        {
            **dict.fromkeys(("instance", "orchestrator", "reason", "advice"), _TEXT),
            "state": _one_of("running", "waiting", "stuck"),
            "failed": _TIME,
            "restarts": {"type": "integer"},
            "restarted": _MAYBE_TEXT,
            "next": _MAYBE_TEXT,
        }
    ),
    "Cases": _object({"cases": _list("Case")}),
    "Health": _object(
        {"status": _one_of("ok", "degraded", "unavailable"), "checks": {"type": "object"}},
    ),
}
