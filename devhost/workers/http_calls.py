"""A call of an HTTP function, and what it answers, as values that can go to a worker process and back.

By the rules of the real host: see `answer_of`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from azure.functions.http import HttpRequest, HttpResponseConverter

from devhost.workers.cookies import set_cookie
from devhost.workers.invocations import Answer, Invocation

__all__ = ["HTTP", "HttpAnswer", "HttpCall", "answer_of"]

HTTP = "http"
_PLAIN, _JSON = "text/plain; charset=utf-8", "application/json; charset=utf-8"


@dataclass(frozen=True)
class HttpCall:
    """What a request gives to a function. ``url`` is absolute, names of ``headers`` are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    params: Mapping[str, str]
    route: Mapping[str, str]
    body: bytes
    trace_parent: str = ""

    def request(self) -> HttpRequest:
        """Return the object that the function gets."""
        return HttpRequest(
            self.method,
            self.url,
            headers=self.headers,
            params=self.params,
            route_params=self.route,
            body_type="bytes",
            body=self.body,
        )

    def invocation(self, function: str) -> Invocation:
        """Return the call as a message to a worker process."""
        more = {
            "method": self.method,
            "url": self.url,
            "headers": dict(self.headers),
            "params": dict(self.params),
            "route": dict(self.route),
            "trace_parent": self.trace_parent,
        }
        return Invocation(HTTP, function, self.body, more)

    @staticmethod
    def read(invocation: Invocation) -> HttpCall:
        """Return the call of a message."""
        return HttpCall(**invocation.more, body=invocation.body)


@dataclass(frozen=True)
class HttpAnswer:
    """A response: ``headers`` may have a name several times; they can all be sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def answer(self) -> Answer:
        """Return the response as a message to the host."""
        return Answer(self.body, more={"status": self.status, "headers": self.headers})

    @staticmethod
    def read(answer: Answer) -> HttpAnswer:
        """Return the response of a message."""
        headers = tuple((name, value) for name, value in answer.more["headers"])
        return HttpAnswer(answer.more["status"], headers, answer.body)


def answer_of(returned: Any) -> HttpAnswer:
    """Return the response for what an HTTP function returned.

    Raises TypeError for anything but a response or a text, and ValueError for a header that HTTP
    cannot carry; both end in a 500 on the real host.
    """
    if isinstance(returned, str):
        return _of_text(returned)
    if isinstance(returned, func.HttpResponse):
        return _of_response(HttpResponseConverter.encode(returned, expected_type=None).value)
    raise TypeError(f"an HTTP function returned {type(returned).__name__}; return an HttpResponse or a str")


def _of_response(parts: dict[str, Any]) -> HttpAnswer:
    headers = [(name, datum.value) for name, datum in parts["headers"].items()]
    headers += [
        ("Set-Cookie", set_cookie(morsel)) for cookie in parts["cookies"] or [] for morsel in cookie.values()
    ]
    body = parts["body"].value
    content = body.encode("utf-8") if isinstance(body, str) else bytes(body or b"")
    return _checked(int(parts["status_code"].value), headers, content)


def _of_text(text: str) -> HttpAnswer:
    """A text is sent as it is, unless it is JSON that describes a response."""
    try:
        described = json.loads(text)
    except ValueError:
        described = None
    if not isinstance(described, dict) or "body" not in described:
        return HttpAnswer(200, (("Content-Type", _PLAIN),), text.encode("utf-8"))
    body = described["body"]
    status = int(described.get("status") or described.get("statusCode") or 200)
    headers = [(str(name), str(value)) for name, value in (described.get("headers") or {}).items()]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", _PLAIN if isinstance(body, str) else _JSON))
    content = body if isinstance(body, str) else json.dumps(body)
    return _checked(status, headers, content.encode("utf-8"))


def _checked(status: int, headers: list[tuple[str, str]], body: bytes) -> HttpAnswer:
    for name, value in headers:
        _check_header(name, value)
    # The server counts by itself.
    kept = tuple(one for one in headers if one[0].lower() != "content-length")
    return HttpAnswer(status, kept, body)


def _check_header(name: str, value: str) -> None:
    # Kestrel takes printable ASCII alone, so a Location with "é" in it costs the whole response.
    if not (name + value).isascii() or any(ord(letter) < 32 and letter != "\t" for letter in value):
        raise ValueError(f"the header {name} has a character that HTTP headers cannot carry: {value!r}")
