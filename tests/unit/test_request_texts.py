"""Values of a request, however odd: each is read, or refused with 400 and a sentence."""

from __future__ import annotations

import ast
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.cookies import cookies
from invoicing import texts
from triggers.errors import Refused
from triggers.guard import check_texts
from triggers.idempotency import request_digest
from triggers.json_bodies import read_object, read_texts
from triggers.request_texts import file_name, page_token, whole
from triggers.responses import answers_errors, json_response

TRIGGERS = Path(__file__).resolve().parents[2] / "triggers"
ANYTHING = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
#: Routes that read nothing of a request but the name of a file, which is looked up in a list.
WITHOUT_GUARD = {"api/healthz", "api/openapi.json", "static/{file}"}


def _request(body: bytes = b"", /, params: Any = None, **headers: str) -> func.HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return func.HttpRequest(
        "POST", "http://localhost:7071/api/batches", headers=named, params=params or {}, body=body
    )


def _json(body: bytes) -> func.HttpRequest:
    return _request(body, content_type="application/json")


def _refused(call: Any, *given: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        call(*given)
    assert caught.value.message.endswith(".")
    assert texts.fault(caught.value.message, 1000) is None, "a message can be written"
    return caught.value.status, caught.value.code


# ---------------------------------------------------------------- every handler's guard


def test_every_route_has_the_guard() -> None:
    """`answers_errors` or `page` stands right above each handler: what they check, no handler can forget."""
    seen: dict[str, bool] = {}
    for path in TRIGGERS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                calls = [one for one in node.decorator_list if isinstance(one, ast.Call)]
                routes = [one for one in calls if getattr(one.func, "attr", "") == "route"]
                guarded = getattr(node.decorator_list[-1], "id", "") if node.decorator_list else ""
                for route in routes:
                    named = {word.arg: word.value for word in route.keywords}
                    seen[ast.literal_eval(named["route"])] = guarded in ("answers_errors", "page")
    assert len(seen) > 25
    assert {route for route, guarded in seen.items() if not guarded} == WITHOUT_GUARD


@pytest.mark.parametrize("bad", ["\x00", "\ud800", "a\r\nb", "\uffff", "x" * 8193])
@pytest.mark.parametrize("place", ["params", "route_params"])
async def test_bad_text_in_query_or_path_never_reaches_a_handler(place: str, bad: str) -> None:
    """400 with the name of the value, in the one shape of errors."""

    @answers_errors
    async def handler(req: func.HttpRequest) -> func.HttpResponse:
        raise AssertionError("the handler was called")

    for values in ({"page": bad}, {bad: "1"}):
        req = func.HttpRequest("GET", "http://localhost:7071/api/batches", body=b"", **{place: values})
        answer = await handler(req)
        error = json.loads(answer.get_body())["error"]
        assert (answer.status_code, error["code"]) == (400, "bad_text")
        assert texts.fault(error["message"], 1000) is None


@given(st.dictionaries(ANYTHING, ANYTHING, max_size=3))
def test_query_that_passes_can_be_written(params: dict[str, str]) -> None:
    """What the guard lets through has no half characters and one line."""
    with suppress(Refused):
        check_texts(_request(params=params))
        assert all(len(f"{name}{value}\n".encode().splitlines()) == 1 for name, value in params.items())


def test_answer_with_half_a_character_is_an_answer() -> None:
    """A record that was stored long ago must not cost the list that it stands in."""
    assert json.loads(json_response({"a": "x\ud800"}).get_body()) == {"a": "x?"}


# ---------------------------------------------------------------- JSON


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[" * 60_000, (400, "bad_json")),
        (b'{"a":' * 10_000, (400, "bad_json")),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", (400, "bad_json")),
        (b'{"a": ' + b"1" * 5000 + b"}", (400, "bad_json")),
        (b'{"a": "' + b"x" * 70_000 + b'"}', (413, "body_too_large")),
        (b'{"\\ud800": 1}', (400, "unknown_field")),
        (b'{"' + b"x" * 60_000 + b'": 1}', (400, "unknown_field")),
        (b'{"a": "\\ud800"}', (400, "bad_field")),
        (b'{"a": "\xed\xa0\x80"}', (400, "bad_field")),
        (b'{"a": "\\u0000"}', (400, "bad_field")),
        (b'{"a": "one\\ntwo"}', (400, "bad_field")),
        (b'{"a": ["x"]}', (400, "bad_field")),
        (b'{"a": NaN}', (400, "bad_field")),
        (b'{"a": "\xff"}', (400, "bad_json")),
        (b"", (400, "bad_json")),
        (b"null", (400, "bad_request")),
    ],
)
def test_json_that_cannot_be_used_is_refused(body: bytes, expected: tuple[int, str]) -> None:
    """Deep, huge, half a character in a name or a value: a sentence that says what is wrong."""
    assert _refused(read_texts, _json(body), {"a": 100, "b": 100}) == expected


def test_json_is_read_field_by_field() -> None:
    """Null counts as left out; lines are for those fields that may have them."""
    body = b'{"a": "x", "b": "one\\ntwo", "c": null}'
    assert read_texts(_json(body), {"a": 9, "b": 9, "c": 9}, lines=("b",)) == {"a": "x", "b": "one\ntwo"}


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    """Nothing but Refused is raised."""
    with suppress(Refused):
        assert set(read_object(_json(body), ("a",))) <= {"a"}


# ---------------------------------------------------------------- headers


@pytest.mark.parametrize("key", ["\udcff\udcfe", "\udc80", "a\x01b", " ", "x" * 256, "a\nb"])
def test_idempotency_key_that_is_no_text_is_refused(key: str) -> None:
    """Bytes that are not UTF-8 reach the app as half characters."""
    req = _request(idempotency_key=key)
    assert _refused(request_digest, req, "content") == (400, "bad_idempotency_key")


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ('attachment; filename="may.zip"', "may.zip"),
        ("attachment; filename*=UTF-8''M%C3%A4rz.zip", "März.zip"),
        ("attachment; filename*=UTF-8''%ED%A0%80%00", "\ufffd\ufffd\ufffd\ufffd"),
        ("attachment; filename*=nope''x.zip", "x.zip"),
        ("attachment; filename*=idna''xn--%ff", None),
        ("attachment; filename*=punycode''%ff", None),
        ("attachment; filename*=unicode_escape''%5cud800", "%5cud800"),
        (f"attachment; filename*{'9' * 5000}=x", "x"),
        ('attachment; filename="\udcff"', None),
        (f'attachment; filename="{"n" * 5000}"', "n" * 399 + "…"),
        ("", None),
        (";;;;", None),
    ],
)
def test_file_name_is_read_or_counts_as_none(sent: str, name: str | None) -> None:
    """However odd the header is: the document is what matters."""
    found = file_name(_request(content_disposition=sent))
    if name is None:
        assert found is None or texts.fault(found, 400) is None
    else:
        assert found == name


@given(ANYTHING)
def test_any_header_gives_a_name_that_can_be_stored(sent: str) -> None:
    """Or none."""
    for header in (f"attachment; filename={sent}", f"attachment; filename*=UTF-8''{sent}", sent):
        found = file_name(_request(content_disposition=header))
        assert found is None or texts.fault(found, 400) is None


@given(ANYTHING)
def test_cookies_of_others_do_no_harm(sent: str) -> None:
    """Another program on this machine may have set them."""
    found = cookies(_request(cookie=f"other={sent}; settle_form=abc"))
    assert all(value.encode().decode() == value for value in found.values())


# ---------------------------------------------------------------- the query


@pytest.mark.parametrize("text", ["9" * 5000, "-1", "0", "101", "1.5", "", " 1", "١", "1e2", "0x1"])
def test_number_that_cannot_be_meant_is_refused(text: str) -> None:
    """Five thousand digits are more than Python reads."""
    assert _refused(whole, _request(params={"top": text}), "top", 20, 1, 100) == (400, "bad_top")


def test_number_is_read() -> None:
    """And left out, it is what the caller of `whole` says."""
    assert whole(_request(params={"top": "7"}), "top", 20, 1, 100) == 7
    assert whole(_request(), "top", 20, 1, 100) == 20


@pytest.mark.parametrize("text", ["\x00", "a b", "ä", "9" * 5000, "\ud800", "\n"])
def test_token_of_a_page_that_is_none_is_refused(text: str) -> None:
    """Before the storage sees it: it answers some of them with 500."""
    assert _refused(page_token, _request(params={"page": text})) == (400, "bad_page")


def test_token_of_a_page_is_passed_on() -> None:
    """As the storage gave it out."""
    assert page_token(_request(params={"page": "2!92!MDAw"})) == "2!92!MDAw"
    assert page_token(_request()) is None
