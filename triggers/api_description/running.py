"""The operations on operation: what failed, what was sent, and what answers."""

from __future__ import annotations

from invoicing.records.answers.operation import Case, Cases, Health, Outbox
from invoicing.records.base import Record
from triggers.api_description.parts import JSON, PAGE, TOP, answers, json_of, operation, path
from triggers.api_description.schemas import Part

PATHS: Part = {
    "/api/cases": {
        "get": operation(
            "operation",
            "listCases",
            "Runs that failed or are gone while their work is not finished",
            answers(json_of(200, Cases, "The oldest failure first.")),
        )
    },
    "/api/cases/{id}/restart": {
        "parameters": [path("id", "The id of a run.")],
        "post": operation(
            "operation",
            "restartCase",
            "Start a run again; it continues from what is stored",
            answers(json_of(202, Case, "It is started again."), 400, 403, 404),
        ),
    },
    "/api/outbox": {
        "get": operation(
            "operation",
            "listOutbox",
            "Messages that no channel is set up for; in local runs only",
            answers(json_of(200, Outbox, "The newest first."), 400, 404),
            parameters=[TOP, PAGE],
        )
    },
    "/api/healthz": {
        "get": operation(
            "operation",
            "getHealth",
            "Whether what the app stands on answers",
            json_of(200, Health, "All of it.") | json_of(503, Health, "Not all of it."),
            security=[],
        )
    },
    "/api/openapi.json": {
        "get": operation(
            "operation",
            "getOpenApi",
            "This document",
            {"200": {"description": "OpenAPI 3.1.", "content": {JSON: {"schema": {"type": "object"}}}}},
            security=[],
        )
    },
    "/api/swagger.json": {
        "get": operation(
            "operation",
            "getSwagger",
            "This document as Swagger 2.0, for a custom connector",
            answers(
                {"200": {"description": "Swagger 2.0.", "content": {JSON: {"schema": {"type": "object"}}}}}
            ),
            security=[],
        )
    },
}

ANSWERS: tuple[type[Record], ...] = (
    Cases,
    Case,
    Outbox,
    Health,
)

BODIES: tuple[type[Record], ...] = ()
