"""The entity of one host that is called (`name:port`): leases of slots, and a circuit breaker."""

from __future__ import annotations

from typing import Any

import azure.durable_functions as df
from pydantic import ValidationError

from invoicing.calls import host_state
from invoicing.calls.host_state import HostState
from invoicing.records.api_calls import ACQUIRE, API_HOST, REPORT, HostAsk, HostReport

bp = df.Blueprint()


@bp.entity_trigger(context_name="context", entity_name=API_HOST)
def api_host(context: df.DurableEntityContext) -> None:
    """`acquire` gives slots (HostAsk, HostGrant), `report` takes in what became of them (HostReport)."""
    state = _state(context)
    value: Any = context.get_input()
    if context.operation_name == ACQUIRE:
        after, grant = host_state.acquire(state, HostAsk.model_validate(value))
        context.set_result(grant.as_plain())
    elif context.operation_name == REPORT:
        after = host_state.report(state, HostReport.model_validate(value))
        context.set_result(None)
    else:
        raise ValueError("a host can be asked to acquire and report")
    context.set_state(after.as_plain())


def _state(context: df.DurableEntityContext) -> HostState:
    """What is known of the host; nothing where it cannot be read: it is learnt again in some calls."""
    kept: Any = context.get_state(dict)
    try:
        return HostState.model_validate(kept)
    except ValidationError:
        return HostState()
