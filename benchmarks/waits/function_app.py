"""Workflows that wait for one thing each, a bare event or a signal: the app of `benchmarks/signals.py`.

Signals take the app's own way: its route, its use case and its activities.
"""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from activities import signals as steps
from orchestrators.signals import SignalWait
from triggers import signals as route

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(steps.bp)
app.register_functions(route.bp)


@app.orchestration_trigger(context_name="context")
def wait_bare(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Wait for one event."""
    yield context.wait_for_external_event("go")


@app.orchestration_trigger(context_name="context")
def wait_signal(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Wait for one signal, whose key is the id of the instance."""
    wait = SignalWait(context, "goods-received", context.instance_id)
    yield from wait.open()
    yield from wait.next(context.current_utc_datetime + timedelta(days=1))
    yield from wait.close()


@app.route(route="start/{name}/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start one that waits."""
    await client.start_new(req.route_params["name"], req.route_params["id"])
    return func.HttpResponse(status_code=202)


@app.route(route="bare/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def bare(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Raise the event, and nothing else."""
    await client.raise_event(req.route_params["id"], "go", True)
    return func.HttpResponse(status_code=202)


@app.route(route="ready", methods=["GET"])
def ready(req: func.HttpRequest) -> func.HttpResponse:
    """Say that the host is there."""
    return func.HttpResponse(status_code=200)
