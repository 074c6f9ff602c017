"""`GET /api/healthz`: whether what the app stands on answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import azure.durable_functions as df
import azure.functions as func

from adapters import policies, services
from adapters.settings import SettingError
from invoicing import batch_names
from invoicing.approval.policy import PolicyInvalid
from triggers.responses import json_response

bp = df.Blueprint(http_auth_level=func.AuthLevel.ANONYMOUS)

# A probe that is slower than this counts as no answer; load balancers wait no longer either.
_PATIENCE = 8.0


@bp.route(route="api/healthz", methods=["GET"])
@bp.durable_client_input(client_name="client")
async def healthz(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """200 when storage, task hub and rules are there, else 503; `checks` says which is not.

    Without secrets. A policy that cannot be used makes it `degraded`, still with 200: new approvals are
    refused, but everything that is under way goes on, and taking the app out of service would stop that too.
    So do links that cannot be made: people get no messages then.
    """
    return await _checks(client)


async def _checks(client: df.DurableOrchestrationClient) -> func.HttpResponse:
    names = ("storage", "task_hub", "rules")
    probes = (asyncio.to_thread(_storage), _task_hub(client), asyncio.to_thread(_rules))
    answers = await asyncio.gather(*(_answer(probe) for probe in probes))
    checks: dict[str, str] = dict(zip(names, answers, strict=True))
    healthy = all(answer == "ok" for answer in answers)
    checks["policy"] = await asyncio.to_thread(_policy)
    checks["links"] = await _links()
    usable = "ok" if checks["policy"] == checks["links"] == "ok" else "degraded"
    body = {"status": usable if healthy else "unavailable", "checks": checks}
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


async def _links() -> str:
    """`ok`, or which setting is missing; the text names settings and no values."""
    try:
        await asyncio.wait_for(asyncio.to_thread(lambda: services.current().links.home()), _PATIENCE)
    except SettingError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer is that it is wrong
        return "no answer" if isinstance(error, TimeoutError) else type(error).__name__
    return "ok"


def _policy() -> str:
    """`ok`, or everything that is wrong with the policy: it holds names and amounts, no secrets."""
    try:
        policies.load(services.current().settings)
    except PolicyInvalid as error:
        return str(error)
    except SettingError:
        return "SettingError"  # the storage check has it too
    return "ok"
