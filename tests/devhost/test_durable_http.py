"""Durable HTTP calls against a small server of the test."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from devhost.clock import SystemClock
from devhost.engine.durable_http import perform
from devhost.engine.models import RuntimeStatus
from tests.devhost.engine_kit import App, Host


class _Handler(BaseHTTPRequestHandler):
    """Answers with what it was sent; the path is the status code."""

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        seen = {"method": self.command, "body": body.decode(), "headers": headers}
        content = json.dumps(seen).encode()
        self.send_response(int(self.path.strip("/") or 200))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for value in ("one", "two"):
            self.send_header("X-Many", value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _request(address: str, **fields: Any) -> dict[str, Any]:
    return {"method": "POST", "uri": address, "content": None, "headers": {}} | fields


def test_a_call_sends_method_headers_and_content(server: str) -> None:
    """The content type is that of the request, else plain text."""
    reply = perform(_request(server, content='{"a": 1}', headers={"X-Probe": "p"}))
    seen = json.loads(reply["content"])
    assert (reply["statusCode"], seen["method"], seen["body"]) == (200, "POST", '{"a": 1}')
    assert seen["headers"]["x-probe"] == "p"
    assert seen["headers"]["content-type"] == "text/plain"
    reply = perform(_request(server, content="{}", headers={"content-type": "application/json"}))
    assert json.loads(reply["content"])["headers"]["content-type"] == "application/json"
    form = {"content-type": "application/x-www-form-urlencoded"}
    reply = perform(_request(server, content="a=1", headers=form))
    assert json.loads(reply["content"])["headers"]["content-type"].endswith("; charset=utf-8")


def test_without_content_there_is_no_content_type(server: str) -> None:
    """The header is dropped."""
    reply = perform(_request(server, method="GET", headers={"content-type": "application/json"}))
    seen = json.loads(reply["content"])
    assert "content-type" not in seen["headers"]
    assert seen["body"] == ""


def test_headers_of_the_response_are_texts_or_lists_without_those_of_the_content(server: str) -> None:
    """As .NET sorts them."""
    headers = perform(_request(server))["headers"]
    assert headers["X-Many"] == ["one", "two"]
    assert isinstance(headers["Date"], str)
    assert "Content-Type" not in headers


@pytest.mark.parametrize("status", [202, 404, 500])
def test_every_status_is_a_result(server: str, status: int) -> None:
    """Also an error, and also 202: the SDK cannot ask for polling."""
    assert perform(_request(f"{server}/{status}"))["statusCode"] == status


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"uri": "ftp://host/x"}, "is not an HTTP address"),
        ({"uri": "file:///etc/passwd"}, "is not an HTTP address"),
        ({"tokenSource": {"resource": "r"}}, "needs a managed identity"),
        ({"content": "x", "headers": {"Content-Type": "multipart/form-data"}}, "Multipart content"),
    ],
)
def test_a_request_that_cannot_be_made_is_refused(fields: dict[str, Any], text: str) -> None:
    """With the reason."""
    with pytest.raises(ValueError, match=text):
        perform(_request("http://127.0.0.1:1", **fields))


def _app() -> App:
    app = App()

    def calls(context):
        reply = yield context.call_http("POST", context.get_input(), content={"hello": "there"})
        return [reply["statusCode"], json.loads(reply["content"])["body"]]

    app.orchestrates(calls)
    return app


def test_an_orchestration_calls_over_http(server: str) -> None:
    """The reply is recorded like the result of an activity."""
    with Host(_app(), clock=SystemClock(), threaded=True) as host:
        status = host.engine.wait(host.start("calls", server), 10)
        assert status is not None
        assert status.payload()["output"] == [200, '{"hello": "there"}']


def test_a_call_that_nobody_answers_fails_in_the_orchestration() -> None:
    """With the reason of the connection."""
    with Host(_app(), clock=SystemClock(), threaded=True) as host:
        status = host.engine.wait(host.start("calls", "http://127.0.0.1:1/"), 10)
        assert status is not None
        assert status.status is RuntimeStatus.FAILED
        assert "refused" in (status.output or "")
