"""Requests to the handlers of the pages, as browsers send them, and a durable client that knows a little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import azure.functions as func
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters import csrf, policies, services
from adapters.access_settings import AccessSettings
from adapters.callback_settings import CallbackSettings
from adapters.identity import sign_in_cookie
from adapters.outgoing_settings import OutgoingSettings
from adapters.services import Services
from adapters.settings import from_environment
from invoicing.outgoing.targets import CallPolicy
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import PlainReader, SayingChecker
from tests.unit.approvals_on_paper import ANN

BASE = "https://settle.example"
Page = Callable[..., Any]


def handler(builder: Any) -> Page:
    """The plain function behind a decorated trigger, without what hands it the durable client."""
    function = builder._function.get_user_function()
    return getattr(function, "client_function", function)


class Client:
    """A durable client that knows a few instances and keeps the events that were raised."""

    def __init__(self, *statuses: Any) -> None:
        self.statuses, self.raised = {one.instance_id: one for one in statuses}, []

    async def get_status(self, instance_id: str, *_: Any, **__: Any) -> Any:
        return self.statuses.get(instance_id)

    async def get_status_by(self, **_: Any) -> list[Any]:
        return list(self.statuses.values())

    async def raise_event(self, instance_id: str, name: str, data: Any = None) -> None:
        self.raised.append((instance_id, name))


def status(instance: str, **changes: Any) -> Any:
    """A status as the durable client gives it."""
    now = datetime.now(UTC)
    values = {
        "instance_id": instance,
        "name": "approval",
        "created_time": now,
        "last_updated_time": now,
        "runtime_status": Runtime.Running,
        "output": None,
        "custom_status": None,
        "input_": None,
        "historyEvents": [],
    }
    return SimpleNamespace(**values | changes)


@contextmanager
def local_run() -> Iterator[Services]:
    """A local run with nothing in it."""
    settings = replace(
        from_environment({"AzureWebJobsStorage": "unused"}),
        access=AccessSettings(link_keys=("k" * 40,), public_url=BASE, development=True, dev_sign_in=True),
        outgoing=OutgoingSettings(CallPolicy(hosts=("hooks.example.com", "api.example.com"))),
        callbacks=CallbackSettings((b"k" * 32,)),
    )
    with services.replaced_by(
        Services(settings, MemoryBlobs(), SayingChecker, make_reader=lambda _: PlainReader())
    ) as made:
        yield made


@contextmanager
def administrators(*people: str) -> Iterator[None]:
    """The policy names administrators inside of the block."""
    load = policies.load
    policies.load = lambda settings: replace(load(settings), administrators=frozenset(people))
    try:
        yield
    finally:
        policies.load = load


def request(path: str, person: str | None = ANN, method: str = "GET", **more: Any) -> func.HttpRequest:
    """A request as a browser sends it; `fields` make a form with its token."""
    here = services.current()
    path, _, query = path.partition("?")
    params = dict(part.split("=", 1) for part in query.split("&") if part)
    cookies = [f"{csrf.COOKIE}={'s' * 43}"]
    if person:
        cookie = sign_in_cookie(person, here.settings.access, here.links.keys, secure=True)
        cookies.append(cookie.partition(";")[0])
    headers = {"cookie": "; ".join(cookies), **more.pop("headers", {})}
    body = b""
    if "fields" in more:
        bare = func.HttpRequest(method, BASE, headers=headers, body=b"")
        token, _ = csrf.issue(here.links.keys, bare, more.pop("csrf_person", person or ""))
        body = urlencode({csrf.FIELD: token, **more.pop("fields")}).encode()
        headers["content-type"] = "application/x-www-form-urlencoded"
    names = {"approvals": "id", "receipts": "id", "runs": "id", "batches": "id", "static": "file"}
    parts = path.strip("/").split("/")
    route = {names[parts[0]]: parts[1]} if len(parts) > 1 and parts[0] in names else {}
    return func.HttpRequest(
        method,
        BASE + path + (f"?{query}" if query else ""),
        headers=headers,
        params=params,
        route_params=route,
        body=body,
    )


async def get(builder: Any, path: str, person: str | None = ANN, **more: Any) -> func.HttpResponse:
    """The answer of a page; `client` where it needs one."""
    client = {"client": more.pop("client")} if "client" in more else {}
    return await handler(builder)(req=request(path, person, **more), **client)


def text(answer: func.HttpResponse) -> str:
    """The page."""
    return answer.get_body().decode()
