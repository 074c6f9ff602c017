"""Work at another host, by the call that the host makes itself (`call_http`), and polled until it has ended.

The way for one call to a fixed address of a setting, with a managed identity (`docs/api-calls.md` says when):
nothing here judges addresses or bounds answers, and each answer stands in the history. The SDK has no way to
ask the host for polling, so a 202 is an answer like any other, and the polling is here.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import azure.durable_functions as df

from invoicing.calls.polling import next_address, next_look
from invoicing.run_values import json_object
from orchestrators.waiting import done_before, sleep_until

ACCEPTED = 202


@dataclass(frozen=True)
class HostAnswer:
    """An answer as the host gives it; names of headers in lower case, of several values the first."""

    status: int
    headers: dict[str, str]
    content: str


def call_and_poll(
    context: df.DurableOrchestrationContext,
    method: str,
    url: str,
    until: datetime,
    *,
    content: str | None = None,
    headers: dict[str, str] | None = None,
) -> Generator[Any, Any, HostAnswer | None]:
    """Make a call and, while it answers 202, ask again where and when it says; returns the last answer.

    None where there is none by `until` (with a time zone). Raises CallRefused for a `Location` at another
    host, and what the SDK raises where nobody answers.
    """
    sdk: Any = context
    task = sdk.call_http(method, url, content, headers)
    while (yield from done_before(context, task, until)):
        answer = _answer((yield task))
        if answer.status != ACCEPTED:
            return answer
        url = next_address(url, answer.headers)
        yield from sleep_until(context, min(next_look(answer.headers, context.current_utc_datetime), until))
        if context.current_utc_datetime >= until:
            return None
        task = sdk.call_http("GET", url, None, headers)
    return None


def _answer(value: Any) -> HostAnswer:
    found = json_object(value)
    named = json_object(found.get("headers"))
    headers = {name.lower(): _first(one) for name, one in named.items()}
    return HostAnswer(int(found.get("statusCode", 0)), headers, str(found.get("content") or ""))


def _first(value: Any) -> str:
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    return str(values[0]) if values else ""
