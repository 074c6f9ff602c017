"""`GET /api/healthz`: whether what the app stands on answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from invoicing import batch_names
from triggers.responses import json_response

bp = df.Blueprint(http_auth_level=func.AuthLevel.ANONYMOUS)

# A probe that is slower than this counts as no answer; load balancers wait no longer either.
_PATIENCE = 8.0


@bp.route(route="api/healthz", methods=["GET"])
@bp.durable_client_input(client_name="client")
async def healthz(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """200 when storage, task hub and rules are there, else 503; `checks` says which is not.

    Without secrets.
    """
    names = ("storage", "task_hub", "rules")
    probes = (asyncio.to_thread(_storage), _task_hub(client), asyncio.to_thread(_rules))
    answers = await asyncio.gather(*(_answer(probe) for probe in probes))
    checks = dict(zip(names, answers, strict=True))
    healthy = all(answer == "ok" for answer in answers)
    body = {"status": "ok" if healthy else "unavailable", "checks": checks}
    return json_response(body, 200 if healthy else 503)


async def _answer(probe: Awaitable[None]) -> str:
    try:
        await asyncio.wait_for(probe, _PATIENCE)
    except TimeoutError:
        return "no answer"
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer is that it is wrong
        return type(error).__name__
    return "ok"


def _storage() -> None:
    services.current().blobs.exists(batch_names.INDEX)


async def _task_hub(client: df.DurableOrchestrationClient) -> None:
    await client.get_status("healthz")


def _rules() -> None:
    _ = services.current().checker  # raises where the folder of the rules is not complete
