"""HTTP functions in worker processes: each request may meet another process, and a process may die."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.devhost.server_kit import Server, write_app
from tests.devhost.test_worker import alive

APP = """
import threading
calls = 0

@app.route(route="count")
def count(req: func.HttpRequest) -> func.HttpResponse:
    global calls
    calls += 1
    return func.HttpResponse(json.dumps([os.getpid(), calls]))

@app.route(route="die")
def die(req: func.HttpRequest) -> func.HttpResponse:
    os.kill(os.getpid(), 9)

@app.route(route="leave")
async def leave(req: func.HttpRequest) -> func.HttpResponse:
    raise SystemExit(3)

@app.route(route="raise")
def raises(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("no such luck")

@app.route(route="bad-header")
def bad_header(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("x", headers={"x-name": "Zoe\\u0308"})

@app.route(route="sleep/{seconds}")
def sleep(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(float(req.route_params["seconds"]))
    return func.HttpResponse("awake")

@app.route(route="spin/{seconds}")
async def spin(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(float(req.route_params["seconds"]))
    return func.HttpResponse("awake")

@app.route(route="echo/{*rest}", methods=["PUT"])
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    told = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route": dict(req.route_params),
        "header": req.headers.get("X-Name"),
        "trace": context.trace_context.trace_parent,
    }
    headers = {"x-told": json.dumps(told)}
    return func.HttpResponse(req.get_body(), status_code=418, headers=headers, mimetype="image/x")
"""
WORKERS = ("--in-memory", "--http-in-workers", "--workers", "2")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app above, with a time limit that a test can wait for."""
    folder = write_app(tmp_path_factory.mktemp("workers") / "app", APP)
    (folder / "host.json").write_text('{"version": "2.0", "functionTimeout": "00:00:02"}')
    return folder


@pytest.fixture(scope="module")
def server(app: Path, tmp_path_factory: pytest.TempPathFactory):
    """One host with two worker processes that are both there."""
    with Server(app, tmp_path_factory.mktemp("work"), *WORKERS) as running:
        _processes(running, 2)
        yield running


def _count(server: Server) -> tuple[int, int]:
    pid, calls = server.http("GET", "/api/count").json()
    return pid, calls


def _processes(server: Server, number: int) -> set[int]:
    """Ask until so many processes have answered."""
    pids, deadline = set(), time.monotonic() + 60
    while len(pids) < number:
        assert time.monotonic() < deadline, f"only {pids} answer"
        pids.add(_count(server)[0])
    return pids


def test_requests_one_after_the_other_meet_all_processes(server: Server) -> None:
    """So what one of them keeps in memory, the next does not have; the host's own process runs none."""
    found = [_count(server) for _ in range(6)]
    pids = {pid for pid, _ in found}
    assert len(pids) == 2
    assert server.process.pid not in pids
    assert [found[n][0] for n in range(4)] == [found[n + 2][0] for n in range(4)]
    for pid in pids:
        own = [calls for one, calls in found if one == pid]
        assert own == list(range(own[0], own[0] + 3))


def test_request_and_answer_pass_unchanged(server: Server) -> None:
    """Method, address, parameters, headers and trace one way; status, headers and bytes the other."""
    body = os.urandom(300_000)
    path = "/api/echo/a%20b/%C3%A9?q=1&q=%20x&empty="
    trace = f"00-{'1' * 32}-{'2' * 16}-01"
    answer = server.http("PUT", path, data=body, headers={"x-name": "me", "traceparent": trace})
    assert (answer.status_code, answer.content) == (418, body)
    assert answer.headers["content-type"] == "image/x"
    told = json.loads(answer.headers["x-told"])
    assert told == {
        "method": "PUT",
        "url": f"{server.base}{path}",
        "params": {"q": "1, x"},
        "route": {"rest": "a b/é"},
        "header": "me",
        "trace": trace,
    }


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("raise", "ValueError: no such luck"),
        ("bad-header", "ValueError: the header x-name"),
        ("leave", "RuntimeError: the function raised SystemExit: 3"),
    ],
)
def test_a_function_that_fails_is_500_and_its_error_is_logged(server: Server, path: str, said: str) -> None:
    """With the traceback from the process, from the user's code on."""
    answer = server.http("GET", f"/api/{path}")
    assert (answer.status_code, answer.content) == (500, b"")
    log = server.output.read_text()
    assert f"GET /api/{path} failed" in log
    assert said in log


def test_a_process_that_blocks_does_not_hold_up_the_other(server: Server) -> None:
    """A coroutine that blocks its loop blocks the coroutines of one process."""
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.http, "GET", "/api/spin/1.5")
        time.sleep(0.2)
        assert server.http("GET", "/api/spin/0").text == "awake"
        assert not slow.done()
        assert slow.result().text == "awake"


def test_who_runs_too_long_is_500_and_its_process_is_replaced(app: Path, tmp_path: Path) -> None:
    """As on the real host; the other process answers meanwhile."""
    with Server(app, tmp_path, *WORKERS) as server:
        before = _processes(server, 2)
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(server.http, "GET", "/api/sleep/60")
            time.sleep(0.2)
            assert _count(server)[0] in before
            assert (slow.result().status_code, slow.result().content) == (500, b"")
        assert (
            "Timeout value of 00:00:02 was exceeded by function: Functions.sleep" in server.output.read_text()
        )
        deadline = time.monotonic() + 60
        while _processes(server, 2) == before:
            assert time.monotonic() < deadline
        assert sum(alive(pid) for pid in before) == 1


def test_a_process_that_dies_costs_its_requests_and_no_others(app: Path, tmp_path: Path) -> None:
    """What it was doing is 500; the next request is answered by the other, or by the new one."""
    with Server(app, tmp_path, *WORKERS) as server:
        before = _processes(server, 2)
        assert (server.http("GET", "/api/die").status_code) == 500
        assert all(server.http("GET", "/api/count").status_code == 200 for _ in range(4))
        for pid in _processes(server, 2):
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while server.http("GET", "/api/count").status_code != 200:  # a death that nobody has noticed yet
            assert time.monotonic() < deadline
        assert not _processes(server, 2) & before
        assert "python3 exited with code 137" in server.output.read_text()


def test_one_process_is_there_if_none_was_asked_for(app: Path, tmp_path: Path) -> None:
    """The switch alone is enough."""
    with Server(app, tmp_path, "--in-memory", "--http-in-workers", "--workers", "0") as server:
        assert _count(server)[0] != server.process.pid
        assert server.stop() == 0
