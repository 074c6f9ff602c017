"""The operations on retention and legal holds."""

from __future__ import annotations

from invoicing.records.answers.retention import LegalHold, NewHold, Retention
from invoicing.records.base import Record
from triggers.api_description.parts import JSON, answers, body, json_of, operation, path, query
from triggers.api_description.schemas import Part, ref

PATHS: Part = {
    "/api/retention": {
        "get": operation(
            "retention",
            "getRetention",
            "How long things are kept, what was purged, and what is held",
            answers(json_of(200, Retention, "As it is now.")),
        )
    },
    "/api/holds/{id}": {
        "parameters": [path("id", "b… (a batch), b…-17 (a document of one), or i… (an invoice).")],
        "get": operation(
            "retention",
            "getHold",
            "The legal holds of one thing",
            answers(json_of(200, LegalHold, "Also those that have ended."), 404),
        ),
        "put": operation(
            "retention",
            "putHold",
            "Hold it: nothing of it is purged",
            answers(json_of(200, LegalHold, "It is held."), 401, 403, 404, 410, 413, 415),
            requestBody=body((JSON, ref(NewHold))),
        ),
        "delete": operation(
            "retention",
            "deleteHold",
            "End the hold; its record stays",
            answers(json_of(200, LegalHold, "It is not held."), 401, 403, 404),
            parameters=[
                query("why", "Why it ends.", maxLength=500),
                query("who", "Who says so; not needed from a person who is signed in.", maxLength=254),
            ],
        ),
    },
}

ANSWERS: tuple[type[Record], ...] = (Retention, LegalHold)

BODIES: tuple[type[Record], ...] = (NewHold,)
