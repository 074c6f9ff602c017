"""The operations on signals."""

from __future__ import annotations

from invoicing.records.answers.signals import EventsTaken, SignalTaken, ValidationAnswer
from invoicing.records.base import Record
from invoicing.records.signal_payloads import GoodsReceivedBody
from invoicing.signals.keys import LONGEST_KEY
from invoicing.signals.kinds import KINDS
from triggers.api_description.parts import IDEMPOTENCY_KEY, JSON, answers, body, json_of, operation, path
from triggers.api_description.schemas import Part, ref

PATHS: Part = {
    "/api/signals/{kind}/{key}": {
        "parameters": [
            path("kind", "What has happened.", enum=sorted(KINDS)),
            path("key", "To what, such as the number of an order.", minLength=1, maxLength=LONGEST_KEY),
        ],
        "post": operation(
            "signals",
            "postSignal",
            "Say that something has happened, to whoever waits for it",
            answers(
                json_of(202, SignalTaken, "It is stored, and who waits was woken.")
                | json_of(200, SignalTaken, "The same id came before: nothing is counted twice."),
                400,
                404,
                413,
                415,
                422,
            ),
            parameters=[IDEMPOTENCY_KEY],
            requestBody=body((JSON, ref(GoodsReceivedBody))),
        ),
    },
    "/api/events": {
        "options": operation(
            "signals",
            "allowEvents",
            "May a sender of CloudEvents send here (WebHook-Request-Origin)",
            answers({"200": {"description": "It may (WebHook-Allowed-Origin)."}}, 400),
        ),
        "post": operation(
            "signals",
            "takeEvents",
            "Signals by Event Grid, as CloudEvents 1.0 or in its own schema",
            answers(
                {
                    "200": {
                        "description": "All were taken, or the answer to a question whether one may send.",
                        "content": {JSON: {"schema": {"anyOf": [ref(EventsTaken), ref(ValidationAnswer)]}}},
                    }
                },
                400,
                413,
                415,
            ),
            requestBody=body(
                ("application/cloudevents+json", {"type": "object"}),
                ("application/cloudevents-batch+json", {"type": "array", "items": {"type": "object"}}),
                (JSON, {"type": "array", "items": {"type": "object"}}),
            ),
        ),
    },
}

ANSWERS: tuple[type[Record], ...] = (SignalTaken, EventsTaken, ValidationAnswer)

BODIES: tuple[type[Record], ...] = (GoodsReceivedBody,)
