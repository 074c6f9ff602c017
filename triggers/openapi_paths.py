"""The paths of the API: what each takes and answers."""

from __future__ import annotations

from typing import Any

from invoicing.records.answers.approvals import (
    Approval,
    Decided,
    Decision,
    DelegationMade,
    Delegations,
    NewDelegation,
    OpenApprovals,
)
from invoicing.records.answers.batches import Batch, BatchAccepted, Batches, BatchFromContainer
from invoicing.records.answers.common import Error
from invoicing.records.answers.invoices import Invoice, InvoiceAccepted
from invoicing.records.answers.operation import Case, Cases, Health, Outbox
from invoicing.records.base import Record
from triggers.openapi_schemas import Schema as Part
from triggers.openapi_schemas import ref

_JSON = "application/json"
_BINARY = {"type": "string", "format": "binary"}
_FILE = {"application/octet-stream": {"schema": _BINARY}}

_MEANINGS = {
    "202": "It is on its way; ask again at Location, after Retry-After seconds.",
    "400": "The request cannot be understood; the message says why.",
    "401": "Nobody is signed in, and no link was sent.",
    "403": "This person, or this link, may not do that.",
    "404": "There is nothing of this id.",
    "409": "Not now: it is over, or it has not begun.",
    "410": "The link has ended.",
    "413": "It is too large.",
    "415": "The content type is not taken.",
    "422": "It cannot be done as it was asked for.",
    "503": "Something that this needs is away: the storage, the rules, or the policy.",
}


def _answers(good: Part, *errors: int) -> Part:
    body = {_JSON: {"schema": ref(Error)}}
    # Bad text in query or path is refused before any handler sees it, and the storage may be away for each.
    codes = sorted({400, *errors, 503})
    bad = {str(code): {"description": _MEANINGS[str(code)], "content": body} for code in codes}
    return {**good, **bad}


def _json(status: int, record: type[Record], text: str = "") -> Part:
    text = text or _MEANINGS.get(str(status), "")
    return {str(status): {"description": text, "content": {_JSON: {"schema": ref(record)}}}}


def _later(record: type[Record]) -> Part:
    """The answer 202 with its headers."""
    answer = _json(202, record)
    answer["202"]["headers"] = {
        "Location": {"schema": {"type": "string", "format": "uri"}},
        "Retry-After": {"schema": {"type": "integer"}},
    }
    return answer


def _query(name: str, text: str, **schema: Any) -> Part:
    return {
        "name": name,
        "in": "query",
        "description": text,
        "schema": {"type": "string", **schema},
    }


def _path(name: str, text: str, **schema: Any) -> Part:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": text,
        "schema": {"type": "string", **schema},
    }


_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key finds what was started with it before.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_TOKEN = _query("t", "The token of a signed link.")
_TOP = _query("top", "How many.", type="integer", minimum=1)
_PAGE = _query("page", "Token of a page.")
_ANY_PERSON: list[dict[str, list[str]]] = [{"functionKey": [], "person": []}, {"functionKey": []}]


def _operation(tag: str, name: str, text: str, responses: Part, **more: Any) -> Part:
    return {"tags": [tag], "operationId": name, "summary": text, "responses": responses, **more}


def _body(*schemas: tuple[str, Part]) -> Part:
    return {"required": True, "content": {media_type: {"schema": schema} for media_type, schema in schemas}}


_FORM = {"type": "object", "additionalProperties": _BINARY}

_INVOICES = {
    "/api/invoices": {
        "post": _operation(
            "invoices",
            "startInvoice",
            "Send in one invoice",
            _answers(_later(InvoiceAccepted), 400, 403, 413, 415, 422),
            parameters=[
                _KEY,
                _query("sender", "Who sent it in, unless signed in; may not approve it.", format="email"),
            ],
            requestBody=_body(
                ("application/xml", _BINARY),
                ("text/xml", _BINARY),
                ("application/pdf", _BINARY),
                ("multipart/form-data", _FORM),
            ),
        )
    },
    "/api/invoices/{id}": {
        "parameters": [_path("id", "An invoice's id.")],
        "get": _operation(
            "invoices",
            "getInvoice",
            "What became of an invoice",
            _answers(_json(200, Invoice, "It has ended.") | _later(Invoice), 404),
        ),
    },
}

_BATCHES = {
    "/api/batches": {
        "post": _operation(
            "batches",
            "startBatch",
            "Send in many invoices",
            _answers(_later(BatchAccepted), 400, 413, 415, 422),
            parameters=[
                _KEY,
                _query("wait", "End only when people have decided.", type="boolean", default=False),
                _query("approval", "false: check only.", type="boolean", default=True),
            ],
            requestBody=_body(
                ("application/zip", _BINARY),
                ("multipart/form-data", _FORM),
                (_JSON, ref(BatchFromContainer)),
            ),
        ),
        "get": _operation(
            "batches",
            "listBatches",
            "All batches, the newest first",
            _answers(_json(200, Batches, "A page of them."), 400),
            parameters=[_TOP, _PAGE],
        ),
    },
    "/api/batches/{id}": {
        "parameters": [_path("id", "A batch's id.")],
        "get": _operation(
            "batches",
            "getBatch",
            "How far a batch is",
            _answers(_json(200, Batch, "It has ended.") | _later(Batch), 404),
        ),
        "delete": _operation(
            "batches", "stopBatch", "Stop a batch", _answers(_later(BatchAccepted), 404, 409)
        ),
    },
    "/api/batches/{id}/report": {
        "parameters": [_path("id", "A batch's id.")],
        "get": _operation(
            "batches",
            "getReport",
            "The report of a batch",
            _answers({"200": {"description": "The report."}}, 400, 404, 409),
            parameters=[_query("format", "Its form.", enum=["json", "csv", "xlsx", "html"], default="json")],
        ),
    },
    "/api/batches/{id}/documents/{n}": {
        "parameters": [
            _path("id", "A batch's id."),
            _path("n", "A document's number.", type="integer", minimum=1),
        ],
        "get": _operation(
            "batches",
            "getDocument",
            "A document as it came in",
            _answers({"200": {"description": "The document.", "content": _FILE}}, 404, 409),
        ),
    },
}

_APPROVALS = {
    "/api/approvals": {
        "get": _operation(
            "approvals",
            "listApprovals",
            "Open approvals, the oldest first",
            _answers(_json(200, OpenApprovals, "Those that match."), 400),
            parameters=[
                _query("approver", "Only those that wait for this person."),
                _query("stage", "Only those in this stage."),
                _query("batch", "Only those of this batch."),
                _TOP,
                _query("skip", "How many to pass over.", type="integer", minimum=0),
            ],
        )
    },
    "/api/approvals/{id}": {
        "parameters": [_path("id", "An approval's id.")],
        "get": _operation(
            "approvals",
            "getApproval",
            "One approval with its history",
            _answers(_json(200, Approval, "As it is now."), 404),
        ),
    },
    "/api/approvals/{id}/document": {
        "parameters": [_path("id", "An approval's id.")],
        "get": _operation(
            "approvals",
            "getApprovalDocument",
            "The document; its ETag is its SHA-256",
            _answers({"200": {"description": "The document.", "content": _FILE}}, 404),
        ),
    },
    "/api/approvals/{id}/decisions": {
        "parameters": [_path("id", "An approval's id.")],
        "post": _operation(
            "approvals",
            "postDecision",
            "Decide, ask, or answer",
            _answers(_json(201, Decided, "It stands in the ledger."), 400, 401, 403, 404, 409, 410, 413, 415),
            parameters=[_TOKEN],
            requestBody=_body((_JSON, ref(Decision))),
            security=_ANY_PERSON,
        ),
    },
}

_DELEGATIONS = {
    "/api/delegations": {
        "get": _operation(
            "delegations",
            "listDelegations",
            "Who is away, and who stands in",
            _answers(_json(200, Delegations, "Absences that have not ended.")),
        ),
        "post": _operation(
            "delegations",
            "postDelegation",
            "Say that one is away",
            _answers(_json(201, DelegationMade, "It counts from now on."), 400, 401, 403, 413, 415, 422),
            requestBody=_body((_JSON, ref(NewDelegation))),
        ),
        "delete": _operation(
            "delegations",
            "deleteDelegation",
            "Say that one is back",
            _answers({"204": {"description": "One is back."}}, 401, 403),
        ),
    }
}

_OPERATION = {
    "/api/cases": {
        "get": _operation(
            "operation",
            "listCases",
            "Runs that failed or are gone while their work is not finished",
            _answers(_json(200, Cases, "The oldest failure first.")),
        )
    },
    "/api/cases/{id}/restart": {
        "parameters": [_path("id", "The id of a run.")],
        "post": _operation(
            "operation",
            "restartCase",
            "Start a run again; it continues from what is stored",
            _answers(_json(202, Case, "It is started again."), 400, 403, 404),
        ),
    },
    "/api/outbox": {
        "get": _operation(
            "operation",
            "listOutbox",
            "Messages that no channel is set up for; in local runs only",
            _answers(_json(200, Outbox, "The newest first."), 400, 404),
            parameters=[_TOP, _PAGE],
        )
    },
    "/api/healthz": {
        "get": _operation(
            "operation",
            "getHealth",
            "Whether what the app stands on answers",
            _json(200, Health, "All of it.") | _json(503, Health, "Not all of it."),
            security=[],
        )
    },
    "/api/openapi.json": {
        "get": _operation(
            "operation",
            "getOpenApi",
            "This document",
            {"200": {"description": "OpenAPI 3.1.", "content": {_JSON: {"schema": {"type": "object"}}}}},
            security=[],
        )
    },
}

PATHS: Part = {**_INVOICES, **_BATCHES, **_APPROVALS, **_DELEGATIONS, **_OPERATION}
