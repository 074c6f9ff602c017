"""What stands before and behind every handler of a request: who may call it, and what its errors become."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

import azure.functions as func

from adapters import callers, services
from invoicing import texts
from triggers.errors import Refused, refusal_of

Parameters = ParamSpec("Parameters")

# Longer than a request line may be on the real host.
_LONGEST_VALUE = 8192


async def nothing() -> None:
    """What a guard does before a handler that needs nothing."""


def guarded(
    handler: Callable[Parameters, Awaitable[func.HttpResponse]],
    refuse: Callable[[func.HttpRequest, Refused], func.HttpResponse],
    before: Callable[[], Awaitable[None]] = nothing,
) -> Callable[Parameters, Coroutine[Any, Any, func.HttpResponse]]:
    """The handler, called for good requests alone; `refuse` makes an answer of whatever it raises.

    `before` is awaited before each call. The request is found by the name of its parameter (`req`): hosts
    hand it over by name or by position.
    """
    signature = inspect.signature(handler)

    @wraps(handler)
    async def guard(*args: Parameters.args, **kwargs: Parameters.kwargs) -> func.HttpResponse:
        req: func.HttpRequest = signature.bind(*args, **kwargs).arguments["req"]
        try:
            check_texts(req)
            check_caller(req)
            await before()
            return kept_nowhere(await handler(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the border: nothing leaves it but an answer
            return refuse(req, refusal_of(error))

    return guard


def check_texts(req: func.HttpRequest) -> None:
    """Refuse half characters, control characters and line breaks in query and route. Raises Refused (400).

    So no handler has to think of them.
    """
    for place, values in (("query", req.params), ("path", req.route_params)):
        for name, value in values.items():
            wrong = texts.fault(name, _LONGEST_VALUE)
            if wrong:
                raise Refused(400, "bad_text", f"A name in the {place} {wrong}.")

            wrong = texts.fault(value, _LONGEST_VALUE)
            if wrong:
                raise Refused(400, "bad_text", f"{texts.quoted(name)} in the {place} {wrong}.")


def check_caller(req: func.HttpRequest) -> None:
    """Refuse what comes from another site, and in local runs foreign names. Raises Refused (403).

    So no handler has to think of them.
    """
    access = services.current().settings.access
    name = callers.foreign_name(req, access)
    if name is not None:
        raise Refused(
            403,
            "foreign_host",
            f"A local run does not go by the name {texts.quoted(name)}. If people open it under that name, "
            "set SETTLE_PUBLIC_URL to the whole address.",
        )
    if callers.from_elsewhere(req, access):
        raise Refused(
            403,
            "from_elsewhere",
            "This was sent by a page of another site. Open the page here, and send it from there.",
        )


def kept_nowhere(answer: func.HttpResponse) -> func.HttpResponse:
    """The answer with what keeps it out of caches, unless it says itself how it may be kept."""
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer
