"""The counter of storage requests reads what goes by, however it is cut into pieces, and changes nothing."""

from __future__ import annotations

import http.client
import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._counting import Counted, Request, _RequestReader, counting

_GET = b"GET /devstoreaccount1/box/approvals/a1/request.json HTTP/1.1\r\nHost: x\r\n\r\n"
_PUT = b"PUT /devstoreaccount1/box/inbox/a1?x=1 HTTP/1.1\r\nContent-Length: 9\r\n\r\nGET / \r\n\r"
_CHUNKED = (
    b"PUT /devstoreaccount1/box/claims/7 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"6;note\r\nGET / \r\n2\r\n\r\n\r\n0\r\n\r\n"
)
_LIST = b"GET /devstoreaccount1/box?comp=list&prefix=inbox%2F&restype=container HTTP/1.1\r\n\r\n"
STREAM = _GET + _PUT + _CHUNKED + _LIST
KINDS = ["GET blob approvals", "PUT blob inbox", "PUT blob claims", "GET blob list inbox"]


def _read(pieces: list[bytes]) -> list[str]:
    counted = Counted()
    reader = _RequestReader("blob", counted)
    for piece in pieces:
        reader.feed(piece)
    return [one.what for one in counted.requests()]


def test_each_request_is_counted_once_and_bodies_are_not_read() -> None:
    """Bodies of a length, in chunks, and such as look like a request."""
    assert _read([STREAM]) == KINDS
    assert _read([STREAM[n : n + 1] for n in range(len(STREAM))]) == KINDS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_pieces_do_not_matter(cuts: list[int]) -> None:
    """A network cuts where it likes."""
    ends = sorted({0, *cuts, len(STREAM)})
    assert _read([STREAM[a:b] for a, b in itertools.pairwise(ends)]) == KINDS


def test_head_without_an_end_ends_the_connection() -> None:
    """It is no client of ours."""
    reader = _RequestReader("blob", Counted())
    with pytest.raises(OSError, match="no end"):
        reader.feed(b"x" * 100_000)


@pytest.mark.parametrize(
    ("request_", "owner"),
    [
        (Request("blob", "PUT", "box/approvals/a1", ""), "app"),
        (Request("blob", "PUT", "azure-webjobs-hosts/locks/x", ""), "host"),
        (Request("queue", "POST", "box-starts/messages", ""), "app"),
        (Request("queue", "PUT", "box-starts", ""), "app"),
        (Request("queue", "GET", "box-starts/messages", "numofmessages=16"), "host"),
        (Request("queue", "DELETE", "box-starts/messages/1", ""), "host"),
        (Request("table", "POST", "SettleHubHistory", ""), "host"),
    ],
)
def test_who_makes_a_request(request_: Request, owner: str) -> None:
    """The host takes messages and keeps the task hub, the app does the rest."""
    assert request_.owner == owner


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[int]:
    """A server that sends back what it gets; yields its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running.server_address[1]
        running.shutdown()


def test_requests_go_through_unchanged(server: int) -> None:
    """Several over one connection, each with its answer; the counts are there when the answer is."""
    with counting(f"BlobEndpoint=http://127.0.0.1:{server}/x;AccountName=x") as (storage, counted):
        port = int(storage.partition("127.0.0.1:")[2].partition("/")[0])
        assert port != server
        assert storage.endswith("/x;AccountName=x")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for n in range(3):
            body = b"%d" % n * 100_000
            connection.request("PUT", f"/x/box/outbox/{n}", body)
            assert connection.getresponse().read() == body
            assert counted.by_kind("app") == {"PUT blob outbox": n + 1}
        connection.close()
        counted.clear()
        assert counted.requests() == []


def test_account_that_is_elsewhere_is_refused() -> None:
    """It would be counted as nothing."""
    with pytest.raises(ValueError, match="Azurite"), counting("AccountName=real;AccountKey=x"):
        pass
