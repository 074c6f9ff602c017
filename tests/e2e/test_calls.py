"""Lists of calls to other hosts over HTTP: what is called is a server of this test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import calls
from tests.fakes.odd_host import OddHost

_PATIENCE = 60


@pytest.fixture(scope="module")
def odd() -> Iterator[OddHost]:
    """A host that answers in all ways."""
    with OddHost() as host:
        yield host


def _start(base_url: str, some: list[dict[str, Any]], **limits: int) -> dict[str, Any]:
    answer = calls.post(f"{base_url}/api/calls", json={"calls": some, "limits": limits})
    if answer.status_code == 422 and "SETTLE_CALL_" in answer.text:
        pytest.skip("this host may not call the server of the test (SETTLE_CALL_HOSTS, …)")
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"].endswith(f"/api/calls/{answer.json()['id']}")
    return answer.json()


def _ended(url: str) -> dict[str, Any]:
    until = time.monotonic() + _PATIENCE
    while (answer := calls.get(url)).status_code == 202:
        assert time.monotonic() < until, answer.text
        time.sleep(0.1)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_list_ends_with_one_outcome_for_each_call(base_url: str, odd: OddHost) -> None:
    """Good, bad, busy and large answers, and a redirect to where nobody may go."""
    odd.retry_after = "1"
    some = [
        {"url": f"{odd.url}/ok", "name": "first"},
        {"url": f"{odd.url}/status/404"},
        {"url": f"{odd.url}/html", "answer": "json"},
        {"url": f"{odd.url}/redirect?http://169.254.169.254/"},
        {"url": f"{odd.url}/busy/1"},
        {"url": f"{odd.url}/gigabyte"},
        {"url": f"{odd.url}/echo", "method": "POST", "body": {"text": "x" * 9000}},
        {"url": f"{odd.url}/hang", "timeout_seconds": 0.5},
    ]
    taken = _start(base_url, some, attempts=1)
    ended = _ended(taken["links"]["self"])
    assert (ended["status"], ended["done"], ended["total"]) == ("completed", 8, 8)
    assert ended["counts"] == {"ok": 3, "unexpected": 3, "failed": 1, "timed_out": 1}

    results = calls.get(taken["links"]["results"]).json()["results"]
    assert [one["outcome"] for one in results] == [
        *("ok", "unexpected", "unexpected", "unexpected", "ok", "failed", "ok", "timed_out")
    ]
    assert (results[0]["name"], results[0]["body"]) == ("first", '{"ok": true}')
    assert (results[2]["code"], results[5]["code"]) == ("not_json", "answer_too_large")
    assert results[4]["attempts"] == 2
    assert b"x" * 9000 in calls.get(results[6]["body_url"]).content
    lines = calls.get(f"{taken['links']['results']}?format=ndjson").text.splitlines()
    assert len(lines) == 8


def test_a_list_is_stopped(base_url: str, odd: OddHost) -> None:
    """What is left is told as not called."""
    taken = _start(base_url, [{"url": f"{odd.url}/slow/0.3"}] * 40, parallel=1, per_host=1)
    assert calls.delete(taken["links"]["self"]).status_code == 202
    ended = _ended(taken["links"]["self"])
    assert ended["status"] == "stopped"
    assert ended["counts"]["not_called"] > 0
    assert calls.delete(taken["links"]["self"]).status_code == 409


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"calls": []}, 422),
        ({"calls": [{"url": "https://example.com/"}] * 100_000}, 413),
        ({"calls": [{"url": "http://0x7f.1/"}]}, 422),
        ({"calls": [{"url": "http://169.254.169.254/"}]}, 422),
        ({"calls": [{"url": "http://[::ffff:127.0.0.1]/"}]}, 422),
    ],
)
def test_lists_that_are_refused(base_url: str, body: dict[str, Any], expected: int) -> None:
    """Before anything is stored."""
    assert calls.post(f"{base_url}/api/calls", json=body).status_code == expected
