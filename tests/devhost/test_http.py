"""The HTTP front over real sockets: what the conformance kit does not look at.

What only asks is asked of two hosts: one that runs HTTP functions itself, and one that has two worker
processes do it.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.devhost.server_kit import Server, write_app
from tests.devhost.test_worker import alive

APP = """
@app.route(route="size", methods=["POST"])
def size(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(len(req.get_body())))

@app.route(route="echo", methods=["POST"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body(), headers={"x-had": req.headers.get("content-encoding", "none")})

@app.route(route="keyed", auth_level=func.AuthLevel.FUNCTION)
def keyed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("keyed")

@app.route(route="master", auth_level=func.AuthLevel.ADMIN)
def master(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("master")

@app.route(route="open")
def open_to_all(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("open")

@app.route(route="text/{kind}")
def text(req: func.HttpRequest) -> str:
    described = json.dumps({"status": 418, "headers": {"x-a": "b"}, "body": "tea"})
    return {"plain": "hello", "json": '{"a": 1}', "described": described}[req.route_params["kind"]]

@app.route(route="cookies")
def cookies(req: func.HttpRequest) -> func.HttpResponse:
    answer = func.HttpResponse("x", headers={"set-cookie": "a=1; Path=/"})
    answer.headers.add("set-cookie", "b=2")
    return answer

@app.route(route="nap")
def nap(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(float(req.params["seconds"]))
    return func.HttpResponse("awake")

@app.route(route="spin")
async def spin(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(float(req.params["seconds"]))
    return func.HttpResponse("awake")

@app.route(route="off")
def switched_off(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("off")

@app.route(route="setting/{name}")
def setting(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.environ.get(req.route_params["name"], "-"))

@app.route(route="start/{name}")
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    instance = await client.start_new(req.route_params["name"], None, req.params.get("input"))
    return client.create_check_status_response(req, instance)

@app.activity_trigger(input_name="value")
def process_id(value):
    return os.getpid()

@app.activity_trigger(input_name="seconds")
def slow(seconds):
    time.sleep(seconds)
    return os.getpid()

@app.route(route="start_large")
@app.durable_client_input(client_name="client")
async def start_large(req: func.HttpRequest, client) -> func.HttpResponse:
    instance = await client.start_new("size_of_input", None, "x" * 2_500_000)
    return client.create_check_status_response(req, instance)

@app.orchestration_trigger(context_name="context")
def size_of_input(context):
    return len(context.get_input())
    yield

@app.orchestration_trigger(context_name="context")
def where(context):
    return (yield context.task_all([context.call_activity("process_id", n) for n in range(8)]))

@app.orchestration_trigger(context_name="context")
def sleeper(context):
    return (yield context.call_activity("slow", 30))

@app.orchestration_trigger(context_name="context")
def three_steps(context):
    found = []
    for _ in range(3):
        found.append((yield context.call_activity("slow", 0.4)))
    return len(found)
"""
OFF = {"AzureWebJobs.switched_off.Disabled": "true"}


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Path:
    """The app above, in a folder of its own."""
    folder = write_app(tmp_path_factory.mktemp("http") / "app", APP)
    (folder / "local.settings.json").write_text('{"Values": {"FROM_FILE": "file", "FROM_BOTH": "file"}}')
    return folder


@pytest.fixture(scope="module", params=["in the host", "in workers"])
def server(app, tmp_path_factory, request):
    """One host of each kind for all tests that only ask."""
    limit = {"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "3000000", "FROM_BOTH": "process"}
    options = ["--http-in-workers", "--workers", "2"] if request.param == "in workers" else []
    work = tmp_path_factory.mktemp("work")
    with Server(app, work, "--in-memory", *options, environment={**OFF, **limit}) as running:
        yield running


def test_body_of_megabytes_arrives_whole(server):
    """With a length and in chunks."""
    body = os.urandom(2_900_000)
    assert server.http("POST", "/api/size", data=body).text == "2900000"
    chunks = (body[start : start + 70_000] for start in range(0, len(body), 70_000))
    assert server.http("POST", "/api/echo", data=chunks).content == body


def test_body_over_the_limit_is_413(server):
    """Known from its length, or found out while it comes."""
    assert server.http("POST", "/api/size", data=bytes(3_000_001)).status_code == 413
    chunks = (bytes(100_000) for _ in range(40))
    assert server.http("POST", "/api/size", data=chunks).status_code == 413


def test_caller_that_asks_first_is_told_to_go_on(server):
    """curl sends "Expect: 100-continue" with a large body, and waits a second for the answer."""
    port = int(server.base.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        head = (
            "POST /api/size HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        )
        caller.sendall(head.encode())
        assert caller.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.sendall(b"hello")
        assert b"200 OK" in caller.recv(1000)


def test_compressed_body_reaches_the_function_as_it_was_sent(server):
    """The real host does not unpack it either."""
    packed = gzip.compress(b"hello")
    answer = server.http("POST", "/api/echo", data=packed, headers={"content-encoding": "gzip"})
    assert (answer.content, answer.headers["x-had"]) == (packed, "gzip")


def test_text_that_describes_a_response_becomes_one(server):
    """Other JSON is sent as it is."""
    described = server.http("GET", "/api/text/described")
    assert (described.status_code, described.headers["x-a"], described.text) == (418, "b", "tea")
    assert server.http("GET", "/api/text/json").text == '{"a": 1}'
    assert server.http("GET", "/api/text/plain").headers["content-type"] == "text/plain; charset=utf-8"


def test_two_cookies_are_two_headers(server):
    """Other repeated headers collapse, cookies do not."""
    answer = server.http("GET", "/api/cookies")
    assert answer.raw.headers.getlist("set-cookie") == ["a=1; domain=; path=/", "b=2; domain=; path="]


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_answer_to_head_counts_no_body(server, method):
    """The same status and headers as of GET, but for the length; the connection is used again."""
    answer = server.http(method, "/api/text/plain")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert ("content-length" in answer.headers) is (method == "GET")
    assert "transfer-encoding" not in answer.headers
    with requests.Session() as session:
        for _ in range(2):
            assert session.head(f"{server.base}/api/text/plain", timeout=10).status_code == 200
        assert session.get(f"{server.base}/api/text/plain", timeout=10).text == "hello"


@pytest.mark.parametrize("path", ["/%00", "/api/text/a%00b", "/runtime/webhooks/durabletask/instances/%00"])
def test_zero_byte_in_a_path_never_gets_to_a_function(server, path):
    """The web server says 400, and nothing more."""
    answer = server.http("GET", path)
    assert (answer.status_code, answer.content) == (400, b"")


def test_disabled_function_is_404(server):
    """Its setting takes it off the routes."""
    assert server.http("GET", "/api/off").status_code == 404


def test_settings_of_the_file_reach_the_app_and_the_environment_wins(server):
    """As Core Tools sets them for the worker."""
    assert server.http("GET", "/api/setting/FROM_FILE").text == "file"
    assert server.http("GET", "/api/setting/FROM_BOTH").text == "process"
    assert server.http("GET", "/api/setting/AZURE_FUNCTIONS_ENVIRONMENT").text == "Development"


@pytest.mark.parametrize("route", ["nap", "spin"])
def test_slow_function_does_not_hold_up_the_others(server, route):
    """Neither a plain one in a thread nor a coroutine that blocks its loop keeps the front from answering."""
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.http, "GET", f"/api/{route}?seconds=3.0")
        time.sleep(0.2)
        assert server.http("GET", "/api/open").text == "open"
        assert server.http("GET", "/runtime/webhooks/durabletask/instances").status_code == 200
        assert not slow.done()
        assert slow.result().text == "awake"


def test_localhost_reaches_the_host_by_ipv6_too(server):
    """Many systems try ::1 first for 'localhost'."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    port = server.base.rpartition(":")[2]
    try:
        answer = requests.get(f"http://[::1]:{port}/api/open", timeout=5)
    except requests.ConnectionError:
        pytest.skip("no IPv6 loopback here")
    assert answer.text == "open"


def test_admin_endpoints_describe_the_host(server):
    """Status, ping and the list of functions."""
    assert server.http("GET", "/admin/host/status").json()["state"] == "Running"
    assert server.http("GET", "/admin/host/ping").status_code == 200
    names = [function["name"] for function in server.http("GET", "/admin/functions").json()]
    assert "keyed" in names
    assert "switched_off" not in names
    assert server.http("POST", "/admin/functions/process_id", data="{oops").status_code == 400
    assert server.http("GET", "/admin/nothing").status_code == 404


def test_unknown_webhook_paths_are_404(server):
    """Whatever the method, and never 405."""
    for method, path in [
        ("GET", ""),
        ("PATCH", "/instances"),
        ("GET", "/nothing/x"),
        ("GET", "/instances/a/b/c/d"),
    ]:
        answer = server.http(method, f"/runtime/webhooks/durabletask{path}")
        assert (answer.status_code, answer.text) == (404, "")
    assert server.http("GET", "/runtime/webhooks/other").status_code == 404


class ImpatientServer(Server):
    """One that waits half a second for half a request."""

    program = ("-m", "tests.devhost.impatient_host")


@pytest.mark.parametrize("path", ["/api/size", "/runtime/webhooks/durabletask/orchestrators/where"])
def test_half_of_a_request_is_not_waited_for(app, tmp_path, path):
    """Neither half a head nor half a body, by the app, the management API and the SDK's own door."""
    with ImpatientServer(app, tmp_path, "--in-memory") as server:
        doors = [(urlsplit(server.base), path)]
        rpc = urlsplit(json.loads(server.ready_file.read_text())["rpc"])
        doors.append((rpc, f"{rpc.path}orchestrators/where"))
        for address, asked in doors:
            head = f"POST {asked} HTTP/1.1\r\nHost: localhost\r\n"
            for sent, expected in ((head, b""), (f"{head}Content-Length: 9\r\n\r\nhalf", b"HTTP/1.1 408 ")):
                with socket.create_connection(("127.0.0.1", address.port or 0), timeout=30) as caller:
                    caller.sendall(sent.encode())
                    came = b"".join(iter(lambda: caller.recv(4096), b""))
                assert came[:13] == expected


def test_keys_are_checked_on_request(app, tmp_path):
    """A function opens with its key and the master key, the management API with the system key."""
    with Server(app, tmp_path, "--state", str(tmp_path / "s" / "state.db"), "--auth") as server:
        text = server.output.read_text()
        keys = {
            name: text.partition(f"{name} ")[2].split()[0] for name in ("master", "function", "durabletask")
        }
        assert oct((tmp_path / "s" / "keys.json").stat().st_mode & 0o777) == "0o600"

        def status(path, key=None, by="header"):
            if by == "query":
                return server.http("GET", f"{path}?code={key}").status_code
            return server.http("GET", path, headers={"x-functions-key": key} if key else {}).status_code

        assert status("/api/open") == 200
        assert [status("/api/keyed", key) for key in (None, "wrong", keys["function"], keys["master"])] == [
            401,
            401,
            200,
            200,
        ]
        assert status("/api/keyed", keys["function"], by="query") == 200
        assert [status("/api/master", key) for key in (keys["function"], keys["master"])] == [401, 200]
        hooks = "/runtime/webhooks/durabletask/instances"
        assert [status(hooks, key) for key in (None, keys["function"], keys["durabletask"])] == [
            401,
            401,
            200,
        ]
        assert [status("/admin/host/status", key) for key in (None, keys["master"])] == [401, 200]
        links = server.http("GET", "/api/start/where").json()
        assert requests.get(links["statusQueryGetUri"], timeout=5).status_code in (200, 202)


def test_cors_is_answered_for_the_origins_of_the_settings(tmp_path):
    """Host.CORS of local.settings.json."""
    folder = write_app(tmp_path / "app", APP)
    (folder / "local.settings.json").write_text('{"Values": {}, "Host": {"CORS": "http://a.example"}}')
    with Server(folder, tmp_path / "work", "--in-memory") as server:
        asking = {"Origin": "http://a.example", "Access-Control-Request-Method": "PUT"}
        preflight = server.http("OPTIONS", "/api/echo", headers=asking)
        assert (preflight.status_code, preflight.headers["Access-Control-Allow-Methods"]) == (204, "PUT")
        answer = server.http("GET", "/api/open", headers={"Origin": "http://a.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "http://a.example"
        stranger = server.http("GET", "/api/open", headers={"Origin": "http://b.example"})
        assert "Access-Control-Allow-Origin" not in stranger.headers


def test_activities_run_in_worker_processes(app, tmp_path):
    """With --workers 2 in two processes, none of which is the host; until both are there, in the first."""
    with Server(app, tmp_path, "--in-memory", "--workers", "2") as server:
        pids, deadline = set(), time.monotonic() + 60
        while len(pids) < 2 and time.monotonic() < deadline:
            started = server.http("GET", "/api/start/where").json()
            pids |= set(server.finished(started["id"])["output"])
        assert len(pids) == 2
        assert server.process.pid not in pids


def test_kill_of_the_host_leaves_no_process_and_loses_no_work(app, tmp_path):
    """After kill -9 the workers are gone; the next host on the same state file ends what was begun."""
    state = str(tmp_path / "state.db")
    with Server(app, tmp_path, "--state", state, "--workers", "2") as server:
        pids = server.finished(server.http("GET", "/api/start/where").json()["id"])["output"]
        unfinished = server.http("GET", "/api/start/three_steps").json()["id"]
        server.http("GET", "/api/start/sleeper")
        time.sleep(0.6)
        server.stop(signal.SIGKILL)
        deadline = time.monotonic() + 5
        while any(alive(pid) for pid in set(pids)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not [pid for pid in set(pids) if alive(pid)]
    with Server(app, tmp_path, "--state", state, "--workers", "2") as server:
        assert server.finished(unfinished)["output"] == 3


def test_many_requests_at_once_are_all_answered(server):
    """More than there are threads."""
    lock, codes = threading.Lock(), []

    def ask(_):
        code = server.http("GET", "/api/nap?seconds=0.05").status_code
        with lock:
            codes.append(code)

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(ask, range(80)))
    assert codes == [200] * 80


def test_asgi_app_is_served(tmp_path):
    """An AsgiFunctionApp is an app like any other."""
    source = """
    import azure.functions as func

    async def asgi(scope, receive, send):
        message = await receive()
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            return
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode() + b" " + message["body"]})

    app = func.AsgiFunctionApp(app=asgi, http_auth_level=func.AuthLevel.ANONYMOUS)
    """
    with Server(write_app(tmp_path / "app", source, head=""), tmp_path / "work", "--in-memory") as server:
        answer = server.http("POST", "/api/x/y", data=b"hello")
    assert (answer.status_code, answer.text) == (201, "/api/x/y hello")


def test_input_of_megabytes_passes_from_the_client_to_the_orchestration(server):
    """The SDK posts it to the host, which takes it whole."""
    text = "x" * 3_000_000
    hooks = "/runtime/webhooks/durabletask"
    started = server.http("POST", f"{hooks}/orchestrators/size_of_input", json=text)
    assert started.status_code == 413
    started = server.http("GET", "/api/start_large").json()
    assert server.finished(started["id"])["output"] == 2_500_000
