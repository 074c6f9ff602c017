"""Run a function that is no HTTP function by hand: POST /admin/functions/{name} with ``{"input": "…"}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from azure.functions import meta

from devhost.app.index import FunctionInfo
from devhost.workers.invocation import decode

__all__ = ["trigger_value"]


def trigger_value(function: FunctionInfo, text: str) -> tuple[Any, Mapping[str, str]]:
    """Return the trigger value made from ``text``, and the data for binding expressions.

    A timer ignores the text, a queue takes it as the message; anything else gets it as JSON or as text.
    Raises what azure-functions raises for a trigger that has no such form.
    """
    kind = function.trigger.type
    if kind == "timerTrigger":
        return decode(function.trigger, timer_datum(None, past_due=False), {}), {}
    if kind == "queueTrigger":
        return decode(function.trigger, meta.Datum(text.encode("utf-8"), "bytes"), _message_metadata()), {
            "queueTrigger": text
        }
    return decode(function.trigger, meta.Datum(text, "json" if _is_json(text) else "string"), {}), {}


def timer_datum(status: Mapping[str, str] | None, *, past_due: bool) -> meta.Datum:
    """Return what a timer trigger decodes; ``status`` has Last, Next and LastUpdated."""
    content = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}
    return meta.Datum(json.dumps(content), "json")


def _message_metadata() -> dict[str, meta.Datum]:
    return {
        "Id": meta.Datum("", "string"),
        "PopReceipt": meta.Datum("", "string"),
        "DequeueCount": meta.Datum("0", "json"),
    }


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
