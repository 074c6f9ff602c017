"""The operations on absences."""

from __future__ import annotations

from invoicing.records.answers.approvals import DelegationMade, Delegations, NewDelegation
from invoicing.records.base import Record
from triggers.api_description.parts import JSON, answers, body, json_of, operation
from triggers.api_description.schemas import Part, ref

PATHS: Part = {
    "/api/delegations": {
        "get": operation(
            "delegations",
            "listDelegations",
            "Who is away, and who stands in",
            answers(json_of(200, Delegations, "Absences that have not ended.")),
        ),
        "post": operation(
            "delegations",
            "postDelegation",
            "Say that one is away",
            answers(json_of(201, DelegationMade, "It counts from now on."), 400, 401, 403, 413, 415, 422),
            requestBody=body((JSON, ref(NewDelegation))),
        ),
        "delete": operation(
            "delegations",
            "deleteDelegation",
            "Say that one is back",
            answers({"204": {"description": "One is back."}}, 401, 403),
        ),
    }
}

ANSWERS: tuple[type[Record], ...] = (
    Delegations,
    DelegationMade,
)

BODIES: tuple[type[Record], ...] = (NewDelegation,)
