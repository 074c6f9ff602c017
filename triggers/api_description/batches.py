"""The operations on batches."""

from __future__ import annotations

from invoicing.records.answers.batches import Batch, BatchAccepted, Batches, BatchFromContainer
from invoicing.records.base import Record
from triggers.api_description.parts import (
    BINARY,
    CALLBACK_URL,
    FILE,
    FORM,
    IDEMPOTENCY_KEY,
    JSON,
    PAGE,
    TOP,
    answers,
    body,
    json_of,
    later,
    operation,
    path,
    query,
)
from triggers.api_description.schemas import Part, ref

PATHS: Part = {
    "/api/batches": {
        "post": operation(
            "batches",
            "startBatch",
            "Send in many invoices",
            answers(later(BatchAccepted), 400, 410, 413, 415, 422),
            parameters=[
                IDEMPOTENCY_KEY,
                CALLBACK_URL,
                query("wait", "End only when people have decided.", type="boolean", default=False),
                query("approval", "false: check only.", type="boolean", default=True),
            ],
            requestBody=body(
                ("application/zip", BINARY),
                ("multipart/form-data", FORM),
                (JSON, ref(BatchFromContainer)),
            ),
        ),
        "get": operation(
            "batches",
            "listBatches",
            "All batches, the newest first",
            answers(json_of(200, Batches, "A page of them."), 400),
            parameters=[TOP, PAGE],
        ),
    },
    "/api/batches/{id}": {
        "parameters": [path("id", "A batch's id.")],
        "get": operation(
            "batches",
            "getBatch",
            "How far a batch is",
            answers(json_of(200, Batch, "It has ended.") | later(Batch), 404, 410),
        ),
        "delete": operation(
            "batches", "stopBatch", "Stop a batch", answers(later(BatchAccepted), 404, 409, 410)
        ),
    },
    "/api/batches/{id}/report": {
        "parameters": [path("id", "A batch's id.")],
        "get": operation(
            "batches",
            "getReport",
            "The report of a batch",
            answers({"200": {"description": "The report."}}, 400, 404, 409, 410),
            parameters=[query("format", "Its form.", enum=["json", "csv", "xlsx", "html"], default="json")],
        ),
    },
    "/api/batches/{id}/documents/{n}": {
        "parameters": [
            path("id", "A batch's id."),
            path("n", "A document's number.", type="integer", minimum=1),
        ],
        "get": operation(
            "batches",
            "getDocument",
            "A document as it came in",
            answers({"200": {"description": "The document.", "content": FILE}}, 404, 409, 410),
        ),
    },
}

ANSWERS: tuple[type[Record], ...] = (
    BatchAccepted,
    Batch,
    Batches,
)

BODIES: tuple[type[Record], ...] = (BatchFromContainer,)
