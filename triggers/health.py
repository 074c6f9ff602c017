"""`GET /api/healthz`: whether what the app stands on answers.

Anybody may ask, so an answer names no person, account or path: it says `ok`, `no answer`, or the kind of what
is wrong. The text that says more goes to the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

import azure.durable_functions as df
import azure.functions as func

from adapters import anchoring, policies, services, supplier_services
from adapters.setting_values import SettingError
from invoicing.approval.policy import PolicyInvalid
from invoicing.records.answers.operation import Health
from stores.batches import BatchStore
from triggers.responses import answer
from usecases import mailbox
from usecases.rates import rates_status

bp = df.Blueprint()

# A probe that is slower than this counts as no answer; load balancers wait no longer either.
_PATIENCE = 8.0
# What was last logged of each check in this process.
_logged: dict[str, str] = {}


@bp.route(route="api/healthz", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
async def healthz(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """200 when storage, task hub and rules are there, else 503; `checks` says which is not.

    A policy that cannot be used makes it `degraded`, still with 200: new approvals are refused, but
    everything that is under way goes on, and taking the app out of service would stop that too.
    So do links that cannot be made: people get no messages then; a ledger that cannot be signed: nothing is
    decided then; exchange rates that are too old, where a setting says that there are to be any; a mailbox
    whose server does not let us in or is away for long, where a setting names one; and a file of supplier
    checks that cannot be used: new invoices wait for it then.
    """
    return await _checks(client)


async def _checks(client: df.DurableOrchestrationClient) -> func.HttpResponse:
    needed, wanted = await asyncio.gather(
        _answers(
            storage=asyncio.to_thread(_storage),
            task_hub=_task_hub(client),
            rules=asyncio.to_thread(_rules),
        ),
        _answers(
            policy=asyncio.to_thread(_policy),
            links=asyncio.to_thread(_links),
            ledger=asyncio.to_thread(_ledger),
            rates=asyncio.to_thread(_rates),
            **_optional(),
            supplier_checks=asyncio.to_thread(_supplier_checks),
        ),
    )
    healthy = _all_ok(needed)
    usable = "ok" if _all_ok(wanted) else "degraded"
    body = Health(status=usable if healthy else "unavailable", checks=needed | wanted | _told())
    return answer(body, 200 if healthy else 503)


def _told() -> dict[str, str]:
    """What is set or not, and well either way: without `buyers` an invoice to anybody counts as ours."""
    try:
        policy = policies.load(services.current().settings)
    except (PolicyInvalid, SettingError):
        return {}  # the other checks say so
    return {"buyers": "ok" if policy.buyers else "not set"}


def _optional() -> dict[str, Awaitable[None]]:
    """The checks of what is there only where a setting asks for it."""
    try:
        named = services.current().settings.mailbox is not None
    except SettingError:
        return {}  # the other checks say so
    return {"mailbox": asyncio.to_thread(_mailbox)} if named else {}


async def _answers(**probes: Awaitable[None]) -> dict[str, str]:
    found = await asyncio.gather(*(_answer(name, probe) for name, probe in probes.items()))
    return dict(zip(probes, found, strict=True))


async def _answer(name: str, probe: Awaitable[None]) -> str:
    try:
        await asyncio.wait_for(probe, _PATIENCE)
    except TimeoutError:
        word = "no answer"
        detail = f"nothing within {_PATIENCE:.0f} s"
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer is that it is wrong
        word = type(error).__name__
        detail = str(error)
    else:
        word = "ok"
        detail = ""
    _log_changes(name, word, detail)
    return word


def _log_changes(name: str, answer: str, detail: str) -> None:
    """Log what is wrong when it begins, changes and ends; a probe comes every few seconds."""
    # Texts about storage name the request, and so differ each time; those about the policy do not.
    state = detail if answer == PolicyInvalid.__name__ else answer
    if _logged.get(name, "ok") == state:
        return
    _logged[name] = state
    if answer == "ok":
        logging.warning("health: %s is ok again", name)
    else:
        logging.warning("health: %s: %s: %s", name, answer, detail)


def _all_ok(answers: dict[str, str]) -> bool:
    return all(answer == "ok" for answer in answers.values())


def _storage() -> None:
    BatchStore(services.current().blobs).newest(1, None)


async def _task_hub(client: df.DurableOrchestrationClient) -> None:
    await client.get_status("healthz")


def _rules() -> None:
    _ = services.current().checker  # raises where the folder of the rules is not complete


def _policy() -> None:
    policies.load(services.current().settings)


def _links() -> None:
    services.current().links.home()


def _mailbox() -> None:
    mailbox.require_watched(services.current())


def _ledger() -> None:
    app = services.current()
    _ = app.ledger_keys  # raises where a deployed app has no key
    anchoring.require_mail(app.settings)


class RatesOld(Exception):
    """There are no exchange rates that count."""


def _rates() -> None:
    app = services.current()
    if not app.settings.lookups.rates_url:
        return
    status = rates_status(app)
    if status.old:
        raise RatesOld(status.error or f"there are none of the last {status.days} days")


def _supplier_checks() -> None:
    supplier_services.load(services.current().settings)
