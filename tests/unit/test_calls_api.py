"""The API of lists of calls: what is refused before anything is stored, and what is answered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import azure.functions as func
import pytest

from adapters import services
from stores.call_lists import CallStore
from tests.unit.page_requests import handler, local_run
from tests.unit.test_described_answers import Hub
from triggers import calls

GOOD = {"url": "https://api.example.com/x"}


class Api:
    """The API, on blobs in memory."""

    def __init__(self) -> None:
        self.blobs = services.current().blobs
        self.hub = Hub()

    async def post(
        self, body: Any, kind: str = "application/json", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer to a list."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        req = func.HttpRequest(
            "POST",
            "https://settle.example/api/calls",
            headers={"content-type": kind, **headers},
            body=content,
        )
        answer = await handler(calls.start_call_list)(req, client=self.hub)
        return answer.status_code, json.loads(answer.get_body())

    async def ask(self, builder: Any, id: str, n: str = "", **params: str) -> func.HttpResponse:
        """The answer of another route."""
        req = func.HttpRequest(
            "GET",
            "https://settle.example/api/calls/x",
            headers={},
            params=params,
            route_params={"id": id, **({"n": n} if n else {})},
            body=b"",
        )
        client = {} if builder is calls.get_call_answer else {"client": self.hub}
        return await handler(builder)(req, **client)

    @property
    def stored(self) -> list[str]:
        """Names of all blobs."""
        return [blob.name for blob in self.blobs.list("")]


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """An app that may call api.example.com."""
    with local_run():
        yield Api()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"calls": []}, (422, "no_calls")),
        ({"calls": [GOOD] * 5001}, (413, "too_many_calls")),
        (b'{"calls": [' + b",".join([b"{}"] * 100_000) + b"]}", (413, "too_many_calls")),
        (b" " * (8 * 1024 * 1024 + 1), (413, "body_too_large")),
        (b"", (400, "bad_json")),
        (b"{", (400, "bad_json")),
        (b"\xff", (400, "bad_json")),
        (b"[" * 100_000, (400, "bad_json")),
        (b'{"calls": [{"url": "https://api.example.com/", "body": NaN}]}', (400, "bad_json")),
        ([], (400, "bad_request")),
        ({}, (400, "bad_request")),
        ({"calls": {"0": GOOD}}, (400, "bad_request")),
        ({"calls": "x"}, (400, "bad_request")),
        ({"calls": [None]}, (400, "bad_field")),
        ({"calls": [{}]}, (400, "bad_field")),
        ({"calls": [{**GOOD, "method": "TRACE"}]}, (400, "bad_field")),
        ({"calls": [{**GOOD, "verify": False}]}, (400, "bad_field")),
        ({"calls": [{**GOOD, "timeout_seconds": 0}]}, (400, "bad_field")),
        ({"calls": [{**GOOD, "timeout_seconds": 1e9}]}, (400, "bad_field")),
        ({"calls": [{**GOOD, "expected": [99]}]}, (400, "bad_field")),
        ({"calls": [{**GOOD, "headers": {"a": 1}}]}, (400, "bad_field")),
        ({"calls": [{**GOOD, "headers": {"a": {"secret": "../x"}}}]}, (400, "bad_field")),
        ({"calls": [{**GOOD, "url": "x" * 3000}]}, (400, "bad_field")),
        ({"calls": [GOOD], "limits": {"parallel": 0}}, (400, "bad_field")),
        ({"calls": [GOOD], "limits": {"parallel": 101}}, (400, "bad_field")),
        ({"calls": [GOOD], "limits": {"deadline_seconds": 86_401}}, (400, "bad_field")),
        ({"calls": [GOOD], "callback": "x"}, (400, "bad_field")),
        ({"calls": [GOOD], "__class__": "x"}, (400, "bad_field")),
    ],
)
async def test_lists_that_cannot_be_taken(api: Api, body: Any, expected: tuple[int, str]) -> None:
    """Each says why, in a text that does not quote the list; nothing is stored."""
    status, answer = await api.post(body)
    assert (status, answer["error"]["code"]) == expected
    assert len(answer["error"]["message"]) < 200
    assert api.stored == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://127.0.0.1/", "host_not_allowed"),
        ("https://169.254.169.254/metadata/instance", "host_not_allowed"),
        ("https://168.63.129.16/", "host_not_allowed"),
        ("https://[::1]/", "host_not_allowed"),
        ("https://[::ffff:127.0.0.1]/", "host_not_allowed"),
        ("https://[64:ff9b::7f00:1]/", "host_not_allowed"),
        ("https://[fe80::1%25eth0]/", "bad_host"),
        ("https://0x7f.1/", "address_not_allowed"),
        ("https://2130706433/", "address_not_allowed"),
        ("https://0177.0.0.1/", "address_not_allowed"),
        ("https://api.example.com@127.0.0.1/", "user_in_url"),
        ("https://api.example.com:8443/", "port_not_allowed"),
        ("http://api.example.com/", "https_needed"),
        ("https://localhost/", "host_not_allowed"),
        ("file:///etc/passwd", "bad_scheme"),
    ],
)
async def test_addresses_that_are_not_called(api: Api, url: str, code: str) -> None:
    """422 with the place and a code of its own; the good calls of the list are not made either."""
    status, answer = await api.post({"calls": [GOOD, {"url": url}]})
    assert (status, answer["error"]["code"]) == (422, "call_refused")
    assert answer["error"]["detail"]["2"].startswith(f"{code}: ")
    assert api.stored == []


async def test_another_content_type_is_refused(api: Api) -> None:
    """A form of another site cannot send JSON."""
    assert (await api.post({"calls": [GOOD]}, "text/plain"))[0] == 415


async def test_a_list_is_taken_once_for_a_key(api: Api) -> None:
    """Another list of the same key is a mistake; without a key each list is a new one."""
    body = {"calls": [GOOD]}
    _, first = await api.post(body, **{"idempotency-key": "k"})
    _, again = await api.post(body, **{"idempotency-key": "k"})
    assert first["id"] == again["id"]
    assert (await api.post({"calls": [GOOD] * 2}, **{"idempotency-key": "k"}))[0] == 422
    ids = {(await api.post(body))[1]["id"] for _ in range(2)}
    assert len(ids | {first["id"]}) == 3


async def test_results_come_in_pages_and_as_lines(api: Api) -> None:
    """In the order of the list, also of calls that were not made yet."""
    _, taken = await api.post({"calls": [{**GOOD, "name": f"n{n}"} for n in range(1, 251)]})
    name = taken["id"]
    page = json.loads((await api.ask(calls.get_call_results, name, top="100")).get_body())
    seen = [one["n"] for one in page["results"]]
    while "next" in page["links"]:
        first = page["links"]["next"].split("from=")[1].split("&")[0]
        answer = await api.ask(calls.get_call_results, name, top="100", **{"from": first})
        page = json.loads(answer.get_body())
        seen += [one["n"] for one in page["results"]]
    assert seen == list(range(1, 251))
    lines = (await api.ask(calls.get_call_results, name, format="ndjson")).get_body().splitlines()
    assert [json.loads(line)["name"] for line in lines] == [f"n{n}" for n in range(1, 251)]
    assert {json.loads(line)["outcome"] for line in lines} == {"waiting"}


async def test_large_answers_are_files(api: Api) -> None:
    """Byte for byte, never shown as a page of ours."""
    _, taken = await api.post({"calls": [GOOD]})
    CallStore(api.blobs).keep_answer(taken["id"], 1, b"<script>")
    answer = await api.ask(calls.get_call_answer, taken["id"], "1")
    assert answer.get_body() == b"<script>"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert (await api.ask(calls.get_call_answer, taken["id"], "2")).status_code == 404


@pytest.mark.parametrize("name", ["c" + "0" * 24, "b" + "0" * 24, "..", "c"])
async def test_unknown_lists_are_not_found(api: Api, name: str) -> None:
    """Whatever the id is."""
    for builder in (calls.get_call_list, calls.get_call_results, calls.stop_call_list):
        assert (await api.ask(builder, name)).status_code == 404
    assert (await api.ask(calls.get_call_answer, name, "1")).status_code == 404


@pytest.mark.parametrize(
    "params", [{"top": "0"}, {"top": "501"}, {"from": "0"}, {"from": "x"}, {"format": "xml"}]
)
async def test_bad_queries_are_refused(api: Api, params: dict[str, str]) -> None:
    """400 with what is wanted."""
    _, taken = await api.post({"calls": [GOOD]})
    assert (await api.ask(calls.get_call_results, taken["id"], **params)).status_code == 400


async def test_a_list_that_is_stopped_says_so(api: Api) -> None:
    """`stopping` until its run has seen it; one that has ended is not stopped."""
    _, taken = await api.post({"calls": [GOOD]})
    assert (await api.ask(calls.stop_call_list, taken["id"])).status_code == 202
    seen = json.loads((await api.ask(calls.get_call_list, taken["id"])).get_body())
    assert seen["status"] == "stopping"
    api.hub.ended(taken["id"], status="stopped", total=1, counts={"not_called": 1})
    assert (await api.ask(calls.stop_call_list, taken["id"])).status_code == 409
