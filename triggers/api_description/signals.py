"""The operations on signals."""

from __future__ import annotations

from invoicing.records.answers.signals import SignalTaken
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
}

ANSWERS: tuple[type[Record], ...] = (SignalTaken,)

BODIES: tuple[type[Record], ...] = (GoodsReceivedBody,)
