"""The HTTP front: routes of the app, keys, the management API and the admin endpoints."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from devhost.app.index import AppIndex, FunctionInfo
from devhost.app.settings import Settings
from devhost.http.calling import CallFailed, HttpCaller
from devhost.http.connections import BodyTooSlow
from devhost.http.durable_links import WEBHOOK_PATH
from devhost.http.keys import Keys
from devhost.http.management import ManagementApi
from devhost.http.management_messages import Query, Request
from devhost.http.messages import (
    BodyTooLarge,
    absolute_url,
    head_response,
    http_call,
    read_body,
    web_response,
)
from devhost.http.routing import Route, Router, parse_template, path_segments
from devhost.workers.invocation import describe_error

__all__ = ["HttpFront", "RpcFront", "http_routes"]

_log = logging.getLogger("devhost.http")
_PAGE = (
    "<!DOCTYPE html><html><head><title>Functions host</title></head><body>"
    "<h1>Your function app is up and running</h1><p>Served by the embedded host.</p></body></html>"
)
_RPC_LIMIT = 2**31  # inputs of orchestrations pass here; they come from the app itself
_WEBHOOK = [part for part in WEBHOOK_PATH.split("/") if part]
RunTrigger = Callable[[FunctionInfo, str], Awaitable[None]]


def http_routes(index: AppIndex, prefix: str) -> list[Route]:
    """Return the routes of all enabled HTTP functions, with the route prefix in front."""
    routes = []
    for function in index.enabled("httpTrigger"):
        properties = function.trigger.properties
        text = "/".join(
            part for part in (prefix, str(properties.get("route") or function.name).strip("/")) if part
        )
        methods = frozenset(str(method).upper() for method in properties.get("methods") or [])
        routes.append(Route(function.name, parse_template(text), methods))
    return routes


class HttpFront:
    """Answers public requests. ``keys`` None lets everyone in, as Core Tools does without ``--enableAuth``.

    ``run_trigger`` runs a function that is no HTTP function for POST /admin/functions/{name}.
    """

    def __init__(
        self,
        index: AppIndex,
        caller: HttpCaller,
        management: ManagementApi,
        settings: Settings,
        run_trigger: RunTrigger,
        keys: Keys | None = None,
    ):
        self._index = index
        self._caller = caller
        self._management = management
        self._settings = settings
        self._run_trigger = run_trigger
        self._keys = keys
        self._router = Router(http_routes(index, settings.http.route_prefix))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; an error of the function is a 500 with an empty body."""
        try:
            response = await self._dispatch(request, path_segments(request.raw_path.partition("?")[0]))
        except BodyTooLarge:
            response = web.Response(status=413)
        except (asyncio.CancelledError, BodyTooSlow):
            raise
        except Exception as error:  # noqa: BLE001 - the border where errors become a 500
            told = error.told if isinstance(error, CallFailed) else describe_error(error)
            _log.error(
                "%s %s failed: %s", request.method, request.rel_url.raw_path, told.traceback or told.message
            )
            response = web.Response(status=500)
        self._allow_origin(request, response)
        response.headers.setdefault("Server", "devhost")
        return head_response(response) if request.method == "HEAD" else response

    async def _dispatch(self, request: web.BaseRequest, path: list[str]) -> web.StreamResponse:
        if "\0" in "".join(path):
            return web.Response(status=400)  # the real web server lets no such path through
        if not path:
            return web.Response(text=_PAGE, content_type="text/html")
        first = path[0].lower()
        if first == "admin":
            return await self._admin(request, path[1:])
        if first == "runtime":
            return await self._webhook(request, path)
        if self._is_preflight(request):
            return web.Response(status=204)
        found = self._router.resolve(request.method, path)
        if found is None:
            return web.Response(status=404)
        function = self._index.functions[found[0]]
        if not self._allowed(
            request, str(function.trigger.properties.get("authLevel") or "FUNCTION").upper()
        ):
            return web.Response(status=401)
        return await self._call(request, function, found[1])

    async def _call(
        self, request: web.BaseRequest, function: FunctionInfo, route: dict[str, str]
    ) -> web.StreamResponse:
        began = time.perf_counter()
        body = await read_body(request, self._settings.http.max_body_bytes)
        response = web_response(await self._caller.call(function, http_call(request, route, body)))
        spent = (time.perf_counter() - began) * 1000
        _log.info("%s %s %d in %.0f ms", request.method, request.rel_url.raw_path, response.status, spent)
        return response

    def _allowed(self, request: web.BaseRequest, level: str) -> bool:
        if self._keys is None:
            return True
        shown = request.headers.get("x-functions-key") or request.query.get("code")
        return self._keys.opens(level, shown)

    # ---------------------------------------------------------------- CORS

    def _is_preflight(self, request: web.BaseRequest) -> bool:
        return (
            request.method == "OPTIONS"
            and bool(self._settings.cors_origins)
            and "Origin" in request.headers
            and "Access-Control-Request-Method" in request.headers
        )

    def _allow_origin(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        origin, allowed = request.headers.get("Origin"), self._settings.cors_origins
        if not origin or not ("*" in allowed or origin in allowed):
            return
        response.headers["Access-Control-Allow-Origin"] = "*" if "*" in allowed else origin
        if self._is_preflight(request):
            response.headers["Access-Control-Allow-Methods"] = request.headers[
                "Access-Control-Request-Method"
            ]
            response.headers["Access-Control-Allow-Headers"] = request.headers.get(
                "Access-Control-Request-Headers", "*"
            )

    # ---------------------------------------------------------------- management and admin

    async def _webhook(self, request: web.BaseRequest, path: list[str]) -> web.Response:
        if [part.lower() for part in path[: len(_WEBHOOK)]] != _WEBHOOK:
            return web.Response(status=404)
        if not self._allowed(request, "SYSTEM"):
            return web.Response(status=401)
        body = await read_body(request, self._settings.http.max_body_bytes)
        return await _managed(self._management, request, path[len(_WEBHOOK) :], body)

    async def _admin(self, request: web.BaseRequest, path: list[str]) -> web.Response:
        words = [part.lower() for part in path]
        if words == ["host", "ping"]:
            return web.Response(status=200)
        if not self._allowed(request, "ADMIN"):
            return web.Response(status=401)
        if words == ["host", "status"] and request.method == "GET":
            return _json_response({"id": "devhost", "state": "Running", "version": "4.0.0.0", "errors": []})
        if words == ["functions"] and request.method == "GET":
            return _json_response([_described(function) for function in self._index.enabled()])
        if len(words) == 2 and words[0] == "functions" and request.method == "POST":
            return await self._run_by_hand(request, path[1])
        return web.Response(status=404)

    async def _run_by_hand(self, request: web.BaseRequest, name: str) -> web.Response:
        function = self._index.find(name)
        if function is None:
            return web.Response(status=404)
        body = await read_body(request, self._settings.http.max_body_bytes)
        try:
            given = json.loads(body) if body else {}
        except ValueError:
            return web.Response(status=400)
        text = given.get("input") if isinstance(given, dict) else None
        await self._run_trigger(function, text if isinstance(text, str) else json.dumps(text))
        return web.Response(status=202)


class RpcFront:
    """The management API for the SDK's client: loopback only, without keys, below ``/durabletask/``."""

    def __init__(self, management: ManagementApi):
        self._management = management

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request of a durable client."""
        path = path_segments(request.raw_path.partition("?")[0])
        if "\0" in "".join(path):
            return web.Response(status=400)
        if not path or path[0].lower() != "durabletask":
            return web.Response(status=404)
        return await _managed(self._management, request, path[1:], await read_body(request, _RPC_LIMIT))


async def _managed(
    management: ManagementApi, request: web.BaseRequest, path: list[str], body: bytes
) -> web.Response:
    answer = await management.handle(
        Request(
            method=request.method,
            path=path,
            query=Query(request.rel_url.raw_query_string),
            origin=f"{request.scheme}://{request.host}",
            url=absolute_url(request),
            content_type=request.headers.get("Content-Type", ""),
            body=body,
            continuation=request.headers.get("x-ms-continuation-token") or None,
        )
    )
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body or None)


def _json_response(value: Any) -> web.Response:
    return web.Response(
        body=json.dumps(value).encode("utf-8"), headers={"content-type": "application/json; charset=utf-8"}
    )


def _described(function: FunctionInfo) -> dict[str, Any]:
    bindings = [dict(binding.properties) for binding in function.bindings]
    return {"name": function.name, "language": "python", "config": {"bindings": bindings}}
