"""The parts that operations are described with: answers, parameters and bodies."""

from __future__ import annotations

from typing import Any

from invoicing.records.answers.common import Error
from invoicing.records.base import Record
from invoicing.records.outgoing import LONGEST_URL
from triggers.api_description.schemas import Part, ref

JSON = "application/json"
BINARY = {"type": "string", "format": "binary"}
FILE = {"application/octet-stream": {"schema": BINARY}}

_MEANINGS = {
    "202": "It is on its way; ask again at Location, after Retry-After seconds.",
    "400": "The request cannot be understood; the message says why.",
    "401": "Nobody is signed in, and no link was sent.",
    "403": "This person, or this link, may not do that.",
    "404": "There is nothing of this id.",
    "409": "Not now: it is over, or it has not begun.",
    "410": "The link has ended, or this was archived and purged; the message names the archive.",
    "413": "It is too large.",
    "415": "The content type is not taken.",
    "422": "It cannot be done as it was asked for.",
    "503": "Something that this needs is away: the storage, the rules, or the policy.",
}


def answers(good: Part, *errors: int) -> Part:
    """What an operation answers: `good`, or an `Error` of these statuses or of those of all routes."""
    body = {JSON: {"schema": ref(Error)}}
    # Bad text in query or path is refused before any handler sees it, and the storage may be away for each.
    codes = sorted({400, *errors, 503})
    bad = {str(code): {"description": _MEANINGS[str(code)], "content": body} for code in codes}
    return {**good, **bad}


def json_of(status: int, record: type[Record], text: str = "") -> Part:
    """An answer with a record as its body."""
    text = text or _MEANINGS.get(str(status), "")
    return {str(status): {"description": text, "content": {JSON: {"schema": ref(record)}}}}


def later(record: type[Record]) -> Part:
    """The answer 202 with its headers."""
    answer = json_of(202, record)
    answer["202"]["headers"] = {
        "Location": {"schema": {"type": "string", "format": "uri"}},
        "Retry-After": {"schema": {"type": "integer"}},
    }
    return answer


def query(name: str, text: str, **schema: Any) -> Part:
    """A parameter in the query."""
    return {
        "name": name,
        "in": "query",
        "description": text,
        "schema": {"type": "string", **schema},
    }


def path(name: str, text: str, **schema: Any) -> Part:
    """A parameter in the path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": text,
        "schema": {"type": "string", **schema},
    }


IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key finds what was started with it before.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
CALLBACK_URL = query(
    "callback_url", "Where the end is posted to, once it has come.", format="uri", maxLength=LONGEST_URL
)
TOKEN = query("t", "The token of a signed link.")
TOP = query("top", "How many.", type="integer", minimum=1)
PAGE = query("page", "Token of a page.")
ANY_PERSON: list[dict[str, list[str]]] = [{"functionKey": [], "person": []}, {"functionKey": []}]


def operation(tag: str, name: str, text: str, responses: Part, **more: Any) -> Part:
    """One operation; `name` is that of the method in generated clients."""
    return {"tags": [tag], "operationId": name, "summary": text, "responses": responses, **more}


def body(*schemas: tuple[str, Part]) -> Part:
    """A body that has to come, for each media type that is taken."""
    return {"required": True, "content": {media_type: {"schema": schema} for media_type, schema in schemas}}


FORM = {"type": "object", "additionalProperties": BINARY}
