"""A list of calls as a caller asks for it: checked, and brought to the form that is stored."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import JsonValue

from invoicing.outgoing.headers import check_headers
from invoicing.outgoing.refusals import CallRefused
from invoicing.outgoing.targets import CallPolicy, target_of
from invoicing.records.api_calls import MOST_HOSTS, CallAsked, CallRequest
from invoicing.records.outgoing import LARGEST_BODY, SecretRef

#: Problems that are told; who has more sees the others after mending these.
MOST_PROBLEMS = 20

#: Headers that hold a password or a key. What a caller sends is stored, so these come by name only.
_SECRET_HEADERS = frozenset(
    {
        "api-key",
        "apikey",
        "authorization",
        "cookie",
        "ocp-apim-subscription-key",
        "x-api-key",
        "x-auth-token",
        "x-functions-key",
    }
)


@dataclass(frozen=True)
class Problem:
    """What is wrong with call `n`, counted from 1; the text does not quote the call."""

    n: int
    code: str
    text: str


class ListRefused(Exception):
    """A list that is not taken; `problems`: the first ones."""

    def __init__(self, code: str, text: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.problems = problems


def requests_of(calls: tuple[CallAsked, ...], policy: CallPolicy) -> tuple[CallRequest, ...]:
    """The calls as they are stored. Raises ListRefused where any of them is not allowed: all or none."""
    found: list[CallRequest] = []
    problems: list[Problem] = []
    for n, asked in enumerate(calls, 1):
        try:
            found.append(_request(asked, policy))
        except CallRefused as error:
            problems.append(Problem(n, error.code, error.text))
            if len(problems) >= MOST_PROBLEMS:
                break
    if problems:
        first = problems[0]
        raise ListRefused("call_refused", f"Call {first.n} is not taken. {first.text}", tuple(problems))
    if len({request.host for request in found}) > MOST_HOSTS:
        raise ListRefused("too_many_hosts", f"A list calls at most {MOST_HOSTS} hosts. Send several lists.")
    return tuple(found)


def _request(asked: CallAsked, policy: CallPolicy) -> CallRequest:
    target = target_of(asked.url, policy)
    headers = dict(asked.headers)
    body = _body(asked, headers)
    check_headers(headers, target, policy)
    _check_for_secrets(headers)
    return CallRequest(
        host=target.key,
        method=asked.method,
        url=asked.url,
        headers=headers,
        body=body,
        expected=asked.expected,
        json_wanted=asked.answer == "json",
        timeout_seconds=asked.timeout_seconds,
        name=asked.name,
    )


def _body(asked: CallAsked, headers: dict[str, str | SecretRef]) -> str:
    """The text that is sent; where it is JSON, the header that says so is added."""
    if asked.body is None:
        return ""
    if asked.method in ("GET", "HEAD"):
        raise CallRefused("bad_body", f"A {asked.method} has no body.")
    if isinstance(asked.body, str):
        text, kind = asked.body, "text/plain; charset=utf-8"
    else:
        text, kind = _json_of(asked.body), "application/json"
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = kind
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise CallRefused("bad_body", "The body has half a character. Send whole Unicode text.") from None
    if size > LARGEST_BODY:
        raise CallRefused("bad_body", f"A body has at most {LARGEST_BODY // 1024:,} KiB.")
    return text


def _json_of(body: JsonValue) -> str:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False)
    except ValueError:  # `1e999` is read as one that is infinite
        raise CallRefused("bad_body", "The body has a number that is too large.") from None


def _check_for_secrets(headers: dict[str, str | SecretRef]) -> None:
    for name, value in headers.items():
        if isinstance(value, str) and name.lower() in _SECRET_HEADERS:
            raise CallRefused(
                "secret_in_the_open",
                f"{name} holds a secret, and calls are stored. Set it as SETTLE_SECRET_NAME and send "
                '{"secret": "NAME"} in its place.',
            )
