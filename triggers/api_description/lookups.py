"""The operations on what is looked up elsewhere."""

from __future__ import annotations

from invoicing.records.answers.rates import RatesStatus
from invoicing.records.base import Record
from triggers.api_description.parts import answers, json_of, operation
from triggers.api_description.schemas import Part

PATHS: Part = {
    "/api/rates": {
        "get": operation(
            "lookups",
            "getRates",
            "The exchange rates that count now, and how the last fetch went",
            answers(json_of(200, RatesStatus, "Also where there are none.")),
        )
    },
}

ANSWERS: tuple[type[Record], ...] = (RatesStatus,)

BODIES: tuple[type[Record], ...] = ()
