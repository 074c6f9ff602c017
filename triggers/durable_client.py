"""What differs between versions 1.x and 2.x of azure-functions-durable, for who looks at runs from outside.

The app runs on 1.x. Handlers ask here, so that they hold on 2.x too:

* `statuses_begun`: the query of 2.x cannot be narrowed to ids that begin with a text.
* `purge`: the answer says `instances_deleted` in 1.x and `deleted_instance_count` in 2.x.
* `history_of`: a status has its events as `historyEvents` in 1.x and as `history` in 2.x, where a step that
  failed has one `FailureDetails` instead of `Reason` and `Details`.
* The arguments of a function with a durable client come by name in 1.x and by place in 2.x:
  `triggers/guard.py` binds them to the names of the handler.

The ids that the host gives to sub-orchestrations differ too: see `web.views.runs.family`. What differs for
workflows is in `orchestrators/sdk.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, cast

import azure.durable_functions as df

_PREFIX = "instance_id_prefix"

Event = Mapping[str, Any]
"""An event of a history, as the host's JSON has it."""


async def statuses_begun(
    client: df.DurableOrchestrationClient,
    start: datetime,
    end: datetime,
    prefix: str = "",
    statuses: Sequence[Any] | None = None,
) -> list[Any]:
    """The statuses of the instances that were begun from one moment to another.

    `prefix`: how their ids begin; `statuses`: runtime statuses, None for all. 1.x lists 100 of them at most;
    2.x lists all, and those with another beginning are taken out here.
    """
    query: Any = client.get_status_by
    begun = partial(query, created_time_from=start, created_time_to=end, runtime_status=statuses)
    if _takes(query, _PREFIX):
        return list(await begun(**{_PREFIX: prefix or None}))
    return [found for found in await begun() if str(found.instance_id).startswith(prefix)]


async def purge(client: df.DurableOrchestrationClient, instance: str) -> int:
    """Purge one instance that has ended; returns how many there were: 0 or 1.

    Raises where the host refuses, as version 3 of its extension does for one that has not ended.
    """
    purged: Any = await client.purge_instance_history(instance)
    return int(
        getattr(purged, "instances_deleted", None) or getattr(purged, "deleted_instance_count", 0) or 0
    )


def history_of(status: Any) -> list[Event]:
    """The events of a status that was asked for with its history, in the form of 1.x."""
    events: list[Event] = getattr(status, "historyEvents", None) or getattr(status, "history", None) or []
    return [_with_reason(event) for event in events]


def _takes(function: Any, parameter: str) -> bool:
    parameters = inspect.signature(function).parameters
    return parameter in parameters or any(
        found.kind is inspect.Parameter.VAR_KEYWORD for found in parameters.values()
    )


def _with_reason(event: Event) -> Event:
    found = event.get("FailureDetails")
    if not isinstance(found, Mapping) or event.get("Reason"):
        return event
    details = cast(Event, found)
    parts = (details.get("ErrorType"), details.get("ErrorMessage"))
    reason = ": ".join(str(part) for part in parts if part)
    return {**event, "Reason": reason, "Details": details.get("StackTrace")}
