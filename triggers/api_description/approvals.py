"""The operations on approvals."""

from __future__ import annotations

from invoicing.records.answers.approvals import Approval, Decided, Decision, NewReassignment, OpenApprovals
from invoicing.records.base import Record
from triggers.api_description.parts import (
    ANY_PERSON,
    FILE,
    JSON,
    TOKEN,
    TOP,
    answers,
    body,
    json_of,
    operation,
    path,
    query,
)
from triggers.api_description.schemas import Part, ref

PATHS: Part = {
    "/api/approvals": {
        "get": operation(
            "approvals",
            "listApprovals",
            "Open approvals, the oldest first",
            answers(json_of(200, OpenApprovals, "Those that match."), 400),
            parameters=[
                query("approver", "Only those that wait for this person."),
                query("stage", "Only those in this stage."),
                query("batch", "Only those of this batch."),
                TOP,
                query("skip", "How many to pass over.", type="integer", minimum=0),
            ],
        )
    },
    "/api/approvals/{id}": {
        "parameters": [path("id", "An approval's id.")],
        "get": operation(
            "approvals",
            "getApproval",
            "One approval with its history",
            answers(json_of(200, Approval, "As it is now."), 404),
        ),
    },
    "/api/approvals/{id}/document": {
        "parameters": [path("id", "An approval's id.")],
        "get": operation(
            "approvals",
            "getApprovalDocument",
            "The document; its ETag is its SHA-256",
            answers({"200": {"description": "The document.", "content": FILE}}, 404, 410),
        ),
    },
    "/api/approvals/{id}/decisions": {
        "parameters": [path("id", "An approval's id.")],
        "post": operation(
            "approvals",
            "postDecision",
            "Decide, ask, or answer",
            answers(
                json_of(201, Decided, "It stands in the ledger."), 400, 401, 403, 404, 409, 410, 413, 415
            ),
            parameters=[TOKEN],
            requestBody=body((JSON, ref(Decision))),
            security=ANY_PERSON,
        ),
    },
    "/api/approvals/{id}/reassignments": {
        "parameters": [path("id", "An approval's id.")],
        "post": operation(
            "approvals",
            "postReassignment",
            "Give the open stage to somebody else as well, as an administrator",
            answers(json_of(201, Decided, "It stands in the ledger."), 400, 401, 403, 404, 409, 413, 415),
            requestBody=body((JSON, ref(NewReassignment))),
            security=ANY_PERSON,
        ),
    },
}

ANSWERS: tuple[type[Record], ...] = (
    OpenApprovals,
    Approval,
    Decided,
)

BODIES: tuple[type[Record], ...] = (Decision, NewReassignment)
