"""Forms of requests: what they may hold, and that no other request waits for them."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable

import azure.functions as func
import pytest

from adapters.settings import from_environment
from tests.unit.linear import processor_seconds
from triggers import batch_requests, invoice_requests
from triggers.errors import Refused
from triggers.forms import BadForm, FormTooLarge, fields_of, files_of
from triggers.pages_common import form_of

MIB = 1024 * 1024
FILE = b'Content-Disposition: form-data; name="file"; filename="a.xml"'


def _form(*parts: tuple[bytes, bytes]) -> func.HttpRequest:
    """A multipart request of heads and contents."""
    sent = [b"--limit\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts]
    body = b"".join(sent) + b"--limit--\r\n"
    return _request(body)


def _request(body: bytes, kind: str = "multipart/form-data; boundary=limit") -> func.HttpRequest:
    return func.HttpRequest("POST", "/api/batches", headers={"content-type": kind}, params={}, body=body)


@pytest.mark.parametrize(
    "head",
    [
        FILE + b"\r\nX: " + b"a" * 8 * MIB,
        FILE + b"\r\nX: a" + b"\r\n a" * 2 * MIB,
        FILE + b"\r\nX: a" * 2 * MIB,
        FILE + b"; a=b" * 2 * MIB,
        b"Content-Disposition: form-data; name=file; filename*=UTF-8''" + b"%41" * 2 * MIB,
        b"Content-Disposition: form-data; name=file"
        + b"".join(b"; filename*%d=a" % n for n in range(400_000)),
    ],
    ids=["long line", "folded", "many lines", "many parameters", "escaped name", "name in pieces"],
)
def test_the_head_of_a_part_is_bounded(head: bytes) -> None:
    """Taking 8 MB of it apart needed 700 MB, and a form may have 90."""
    request = _form((head, b"<a/>"))
    tracemalloc.start()
    with pytest.raises(FormTooLarge):
        list(files_of(request, 10))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MIB


@pytest.mark.parametrize("filler", [b"\r", b"\n", b"\r\n", b"\r\n--", b"\r\n--limi", b"\0"])
def test_the_content_of_a_part_is_looked_through_once(filler: bytes) -> None:
    """Also where it looks like the boundary again and again."""
    content = filler * (8 * MIB // len(filler)) + b"x"
    found: list[tuple[str, bytes]] = []
    seconds = processor_seconds(lambda: found.extend(files_of(_form((FILE, content)), 10**9)))
    assert seconds < 10


def test_files_come_as_they_were_sent() -> None:
    """Large and small ones, in their order, with names that come twice."""
    large = bytes(range(256)) * 4096
    request = _form((FILE, b"one"), (b'Content-Disposition: form-data; name="x"', b"field"), (FILE, large))
    assert list(files_of(request, 10)) == [("a.xml", b"one"), ("a.xml", large)]
    assert fields_of(request) == {"x": "field"}


def test_a_part_without_a_name_is_left_out() -> None:
    """It made a page answer 500."""
    request = _form(
        (b"Content-Disposition: form-data", b"x"), (b'Content-Disposition: form-data; name="a"', b"1")
    )
    assert fields_of(request) == {"a": "1"}
    assert form_of(request) == {"a": "1"}


def test_a_form_has_so_many_parts_and_no_more() -> None:
    """The number is the caller's to say."""
    request = _form(*[(FILE, b"x")] * 11)
    assert len(list(files_of(request, 11))) == 11
    with pytest.raises(FormTooLarge):
        list(files_of(request, 10))


def test_what_is_no_form_is_said_to_be_none() -> None:
    """An upload that broke off."""
    with pytest.raises(BadForm):
        list(files_of(_request(b"--limit\r\nno end"), 10))


def test_a_form_of_a_page_is_small() -> None:
    """It has a few fields, whatever is sent in its place."""
    encoded = _request(b"a=" + b"x" * MIB, "application/x-www-form-urlencoded")
    for request in (_form((FILE, b"x" * MIB)), encoded):
        with pytest.raises(Refused) as caught:
            form_of(request)
        assert (caught.value.status, caught.value.code) == (413, "form_too_large")


@pytest.mark.parametrize(
    "read",
    [
        lambda req: list(files_of(req, 10)),
        fields_of,
        form_of,
        lambda req: batch_requests.parse(req, from_environment()),
        lambda req: invoice_requests.parse(req, from_environment()),
    ],
    ids=["files", "fields", "page", "batch", "invoice"],
)
async def test_bodies_are_not_read_on_the_event_loop(
    read: Callable[[func.HttpRequest], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All other requests would wait for it. So every test of a handler that does it fails."""
    monkeypatch.setenv("AzureWebJobsStorage", "UseDevelopmentStorage=true")
    with pytest.raises(RuntimeError, match="takes long"):
        read(_form((FILE, b"<a/>")))
    await asyncio.to_thread(read, _form((FILE, b"<a/>")))
