"""The HTTP management API of the Durable extension: one set of handlers for the public path and for RPC.

Paths are relative to their base, ``/runtime/webhooks/durabletask`` or the RPC listener. Handlers are plain
functions of a request that call the engine; they run in threads, since the engine may make them wait.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from devhost import jsontext
from devhost.engine.engine import Engine
from devhost.engine.models import EntityFilter, InstanceFilter, InstanceStatus, RuntimeStatus
from devhost.errors import (
    EngineStopped,
    InstanceExists,
    InstanceFinished,
    InstanceNotFound,
    InvalidInstanceId,
    InvalidState,
    RewindImpossible,
    UnknownFunction,
)
from devhost.http.durable_links import DurableLinks
from devhost.http.management_messages import (
    BAD_ARGUMENT,
    Answer,
    BadJson,
    Request,
    argument_error,
    failure,
    json_answer,
    raw_answer,
    server_error,
)

__all__ = ["ManagementApi"]

_log = logging.getLogger("devhost.management")
_NOT_FOUND = Answer(404)
_GONE = Answer(410)
_ACCEPTED = Answer(202)
_FINISHED = tuple(status for status in RuntimeStatus if status.finished)

Handler = Callable[["ManagementApi", Request], Answer]


class ManagementApi:
    """Answers management requests; ``links`` makes the URLs in the answers."""

    def __init__(self, engine: Engine, links: DurableLinks):
        self._engine = engine
        self._links = links
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="management")

    async def handle(self, request: Request) -> Answer:
        """Answer a request without holding up the loop."""
        answer = await self._in_thread(self.answer, request)
        waits = (
            request.query.seconds("timeout") is not None
            and request.query.seconds("pollingInterval") is not None
        )
        if waits and answer.status == 202 and request.path[0].lower() == "orchestrators":
            return await self._wait_for_end(request, answer)
        return answer

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    def answer(self, request: Request) -> Answer:
        """Answer a request in the present thread; an unknown path or method is 404."""
        handler = _route(request)
        if handler is None:
            return _NOT_FOUND
        try:
            return handler(self, request)
        except Exception as error:  # noqa: BLE001 - the border where errors become answers
            return _error_answer(error)

    def close(self) -> None:
        """Take no more requests."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    # ---------------------------------------------------------------- instances

    def start(self, request: Request) -> Answer:
        """POST orchestrators/{name}[/{id}]."""
        name, *rest = request.path[1:]
        instance_id = self._engine.start_instance(
            name,
            input=request.json_body(),
            instance_id=rest[0] if rest else None,
            version=request.query.text("version"),
        )
        return self._start_answer(request, instance_id)

    def _start_answer(self, request: Request, instance_id: str) -> Answer:
        body = self._links.start_answer(request.origin, instance_id)
        return json_answer(202, body, {"Location": body["statusQueryGetUri"], "Retry-After": "10"})

    async def _wait_for_end(self, request: Request, started: Answer) -> Answer:
        """Answer with the outcome where the instance ends in time, else with the answer to the start."""
        limit = request.query.seconds("timeout") or 0.0
        if (request.query.seconds("pollingInterval") or 0.0) > limit:
            text = "Total timeout should be larger than polling interval (Parameter 'pollingInterval')"
            return argument_error(ValueError(text))  # the instance has been started all the same
        end = await self._in_thread(self._engine.completion, json.loads(started.body)["id"])
        try:
            # Shielded, since the engine still owns the future when nobody waits for it any more.
            status = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(end)), limit)
        except TimeoutError:
            return started
        if status.status is RuntimeStatus.COMPLETED:
            return raw_answer(200, status.output if status.output is not None else "null")
        return self._status_answer(request, status)

    def get_instance(self, request: Request) -> Answer:
        """GET instances/{id}."""
        query = request.query
        status = self._engine.status(
            request.path[1],
            show_history=query.flag("showHistory", False),
            show_history_output=query.flag("showHistoryOutput", False),
            show_input=query.flag("showInput", True),
        )
        return _NOT_FOUND if status is None else self._status_answer(request, status)

    def _status_answer(self, request: Request, status: InstanceStatus) -> Answer:
        if not status.status.finished:
            return json_answer(202, status.payload(), {"Location": request.url, "Retry-After": "5"})
        failed = status.status is RuntimeStatus.FAILED
        as_error = failed and request.query.flag("returnInternalServerErrorOnFailure", False)
        return json_answer(500 if as_error else 200, status.payload())

    def list_instances(self, request: Request) -> Answer:
        """GET instances."""
        page = self._engine.list_instances(replace(_filter(request), token=request.continuation))
        headers = {"x-ms-continuation-token": page.token} if page.token else {}
        return json_answer(200, [status.payload() for status in page.instances], headers)

    def purge_instance(self, request: Request) -> Answer:
        """DELETE instances/{id}."""
        instance_id = request.path[1]
        status = self._engine.status(instance_id)
        if status is None:
            return _NOT_FOUND
        if not status.status.finished and not instance_id.startswith("@"):
            return json_answer(
                412, f"The instance '{instance_id}' is {status.status.value}; only a finished one is purged."
            )
        count = self._engine.purge(instance_id)
        return json_answer(200, {"instancesDeleted": count}) if count else _NOT_FOUND

    def purge_many(self, request: Request) -> Answer:
        """DELETE instances?createdTimeFrom=…; unlike the real host, only finished instances."""
        wanted = _filter(request)
        if wanted.created_from is None:
            return json_answer(400, "Please provide value for 'createdTimeFrom' parameter.")
        statuses = tuple(one for one in wanted.statuses if one.finished) if wanted.statuses else _FINISHED
        count = self._engine.purge_many(replace(wanted, statuses=statuses)) if statuses else 0
        return json_answer(200, {"instancesDeleted": count}) if count else _NOT_FOUND

    def raise_event(self, request: Request) -> Answer:
        """POST instances/{id}/raiseEvent/{name}."""
        instance_id, name = request.path[1], request.path[3]
        status = self._engine.status(instance_id)
        if status is None:
            return _NOT_FOUND
        if status.status.finished:
            return _GONE
        if request.content_type.partition(";")[0].strip().lower() != "application/json":
            return failure(400, "Only application/json request content is supported")
        self._engine.raise_event(instance_id, name, request.json_body() or "null")
        return _ACCEPTED

    def terminate(self, request: Request) -> Answer:
        """POST instances/{id}/terminate."""
        self._engine.terminate(request.path[1], request.query.text("reason") or "")
        return _ACCEPTED

    def suspend(self, request: Request) -> Answer:
        """POST instances/{id}/suspend."""
        self._engine.suspend(request.path[1], request.query.text("reason") or "")
        return _ACCEPTED

    def resume(self, request: Request) -> Answer:
        """POST instances/{id}/resume."""
        self._engine.resume(request.path[1], request.query.text("reason") or "")
        return _ACCEPTED

    def rewind(self, request: Request) -> Answer:
        """POST instances/{id}/rewind."""
        try:
            self._engine.rewind(request.path[1], request.query.text("reason") or "")
        except InvalidState as error:
            return json_answer(412, str(error))
        return _ACCEPTED

    def restart(self, request: Request) -> Answer:
        """POST instances/{id}/restart."""
        new_id = request.query.flag("restartWithNewInstanceId", True)
        try:
            return self._start_answer(request, self._engine.restart(request.path[1], new_id))
        except InstanceNotFound:
            # The spelling is the real host's.
            error = ValueError(f"An orchestrastion with the instanceId {request.path[1]} was not found.")
            return argument_error(error, "InstanceId does not match a valid orchestration instance.")

    # ---------------------------------------------------------------- entities

    def get_entity(self, request: Request) -> Answer:
        """GET entities/{name}/{key}."""
        state = self._engine.read_entity(request.path[1], _key(request))
        return _NOT_FOUND if state is None else raw_answer(200, state)

    def list_entities(self, request: Request) -> Answer:
        """GET entities[/{name}]."""
        query = request.query
        page = self._engine.list_entities(
            EntityFilter(
                name=request.path[1] if len(request.path) > 1 else None,
                last_operation_from=query.moment("lastOperationTimeFrom"),
                last_operation_to=query.moment("lastOperationTimeTo"),
                fetch_state=query.flag("fetchState", False),
                top=query.count("top", 100),
                token=request.continuation,
            )
        )
        headers = {"x-ms-continuation-token": page.token} if page.token else {}
        return json_answer(200, [entity.payload() for entity in page.entities], headers)

    def signal_entity(self, request: Request) -> Answer:
        """POST entities/{name}/{key}?op=…."""
        return self._signal(request, request.query.text("op") or "", _signal_input(request))

    def delete_entity(self, request: Request) -> Answer:
        """DELETE entities/{name}/{key}: the operation ``delete``."""
        return self._signal(request, "delete", None)

    def _signal(self, request: Request, operation: str, value: str | None) -> Answer:
        try:
            self._engine.signal_entity(request.path[1], _key(request), operation, value)
        except UnknownFunction as error:
            return failure(400, str(error))
        return _ACCEPTED

    def make_primary(self, request: Request) -> Answer:
        """POST makeprimary: this host is the only one anyway."""
        return Answer(200)


def _key(request: Request) -> str:
    return "" if request.path[2] == "$" else request.path[2]


def _signal_input(request: Request) -> str | None:
    if not request.body:
        return None
    if request.content_type.partition(";")[0].strip().lower() == "application/json":
        return request.json_body()
    return jsontext.dumps(request.body.decode("utf-8", "replace"))


def _filter(request: Request) -> InstanceFilter:
    query = request.query
    known = {status.value: status for status in RuntimeStatus}
    return InstanceFilter(
        created_from=query.moment("createdTimeFrom"),
        created_to=query.moment("createdTimeTo"),
        statuses=tuple(known[name] for name in query.listed("runtimeStatus") if name in known),
        prefix=query.text("instanceIdPrefix"),
        show_input=query.flag("showInput", True),
        top=query.count("top", 100),
    )


# (method, segments): a word stands for itself, "*" for any one segment.
_ROUTES: list[tuple[str, tuple[str, ...], Handler]] = [
    ("POST", ("orchestrators", "*"), ManagementApi.start),
    ("POST", ("orchestrators", "*", "*"), ManagementApi.start),
    ("GET", ("instances",), ManagementApi.list_instances),
    ("DELETE", ("instances",), ManagementApi.purge_many),
    ("GET", ("instances", "*"), ManagementApi.get_instance),
    ("DELETE", ("instances", "*"), ManagementApi.purge_instance),
    ("POST", ("instances", "*", "raiseevent", "*"), ManagementApi.raise_event),
    ("POST", ("instances", "*", "terminate"), ManagementApi.terminate),
    ("POST", ("instances", "*", "suspend"), ManagementApi.suspend),
    ("POST", ("instances", "*", "resume"), ManagementApi.resume),
    ("POST", ("instances", "*", "rewind"), ManagementApi.rewind),
    ("POST", ("instances", "*", "restart"), ManagementApi.restart),
    ("GET", ("entities",), ManagementApi.list_entities),
    ("GET", ("entities", "*"), ManagementApi.list_entities),
    ("GET", ("entities", "*", "*"), ManagementApi.get_entity),
    ("POST", ("entities", "*", "*"), ManagementApi.signal_entity),
    ("DELETE", ("entities", "*", "*"), ManagementApi.delete_entity),
    ("POST", ("makeprimary",), ManagementApi.make_primary),
]


def _route(request: Request) -> Handler | None:
    for method, pattern, handler in _ROUTES:
        if method == request.method and len(pattern) == len(request.path):
            pairs = zip(pattern, request.path, strict=True)
            if all(word in ("*", segment.lower()) for word, segment in pairs):
                return handler
    return None


def _error_answer(error: Exception) -> Answer:
    match error:
        case InstanceNotFound():
            return _NOT_FOUND
        case InstanceFinished():
            return _GONE
        case BadJson():
            return failure(400, "Invalid JSON content", error, "Newtonsoft.Json.JsonReaderException")
        case InvalidInstanceId():
            # The real host mixes up the two arguments of its exception; the SDK shows this text.
            return argument_error(ValueError(f"instanceId (Parameter '{error}')"), BAD_ARGUMENT)
        case UnknownFunction():
            return argument_error(error)
        case InstanceExists() | InvalidState() | RewindImpossible():
            return server_error(error, "System.InvalidOperationException")
        case EngineStopped():
            return failure(503, "The host is stopping.")
    _log.error("Management request failed", exc_info=error)
    return server_error(error)
