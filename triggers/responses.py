"""JSON answers, and the one shape of all errors: `{"error": {"code", "message", "detail"?}}`."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

import azure.functions as func

from adapters import callers, services
from adapters.settings import SettingError
from invoicing import texts
from invoicing.approval.policy import PolicyInvalid
from invoicing.rules.folder import RulesMissing
from stores.blobs import StorageError, StorageUnavailable
from stores.records import RecordDamaged

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[func.HttpResponse]])

#: Seconds until a client should ask again: while a batch runs, and while the storage is away.
POLL_SECONDS, OUTAGE_SECONDS = 2, 15
# Longer than a request line may be on the real host.
_LONGEST_VALUE = 8192


class Refused(Exception):
    """A request that cannot be served; it becomes an error answer with this status."""

    def __init__(self, status: int, code: str, message: str, detail: Any = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.detail = status, code, message, detail


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """An answer with a JSON body that no cache keeps."""
    return func.HttpResponse(
        # What was stored before anybody looked may hold half a character: it must not cost the whole answer.
        json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        mimetype="application/json",
        charset="utf-8",
    )


def error_response(error: Refused, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """The error answer of a refused request."""
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.detail is not None:
        body["detail"] = error.detail
    return json_response({"error": body}, error.status, headers)


def check_texts(req: func.HttpRequest) -> None:
    """Refuse half characters, control characters and line breaks in query and route. Raises Refused (400).

    Every handler's guard calls it, so that no handler has to think of them.
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

    Every handler's guard calls it, so that no handler has to think of them.
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


def answers_errors(handler: Handler) -> Handler:
    """Turn what a handler raises into an error answer, and refuse bad texts and callers before it is called.

    An unforeseen error is logged and answered with 500.
    """

    @wraps(handler)
    async def guarded(*args: Any, **kwargs: Any) -> func.HttpResponse:
        try:
            req = kwargs["req"] if "req" in kwargs else args[0]
            check_texts(req)
            check_caller(req)
            return kept_nowhere(await handler(*args, **kwargs))
        except Refused as refused:
            return error_response(refused)
        except Exception as error:  # noqa: BLE001 - the border: nothing leaves it but an answer
            return _failure(error)

    return guarded  # type: ignore[return-value]


def _failure(error: Exception) -> func.HttpResponse:
    """The answer to a failure that is not the caller's: the cause is logged, and told where it helps."""
    if isinstance(error, StorageUnavailable):
        refused = Refused(503, "storage_unavailable", "The storage does not answer. Try again soon.")
        logging.warning("storage unavailable: %s", error)
        return error_response(refused, {"Retry-After": str(OUTAGE_SECONDS)})
    if isinstance(error, SettingError):
        return error_response(Refused(500, "setting", str(error)))
    if isinstance(error, RulesMissing):
        return error_response(Refused(503, "rules_missing", str(error)))
    if isinstance(error, PolicyInvalid):
        return error_response(Refused(503, "policy_invalid", str(error), list(error.problems)))
    if isinstance(error, RecordDamaged):
        logging.error("%s", error)
        return error_response(Refused(500, "record_damaged", str(error)))
    if isinstance(error, StorageError):
        logging.error("storage refused: %s", error)
        return error_response(Refused(500, "storage_refused", f"The storage refused the call: {error}"))
    logging.error("unhandled error in a request", exc_info=error)
    return error_response(Refused(500, "internal", "Something went wrong here; the log has the details."))
