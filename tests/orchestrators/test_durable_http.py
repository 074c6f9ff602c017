"""Calls that the host makes itself: polling, its bounds, and death at every commit, on the skipping clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from devhost.errors import InstanceNotFound
from devhost.testing import Host, HostCrash
from invoicing.calls.polling import next_address
from invoicing.outgoing.refusals import CallRefused
from orchestrators.durable_http import call_and_poll

URL = "https://api.example.com/jobs"
Answers = Callable[[dict[str, Any]], dict[str, Any]]


def host_with(http: Answers, state: Path | None = None) -> Host:
    """A host with a workflow that calls and polls for an hour at most."""
    blueprint = df.Blueprint()

    @blueprint.orchestration_trigger(context_name="context", orchestration="poll")
    def poll(context: df.DurableOrchestrationContext) -> Any:
        until = context.current_utc_datetime + timedelta(hours=1)
        try:
            answer = yield from call_and_poll(context, "POST", URL, until, content="go")
        except CallRefused as error:
            return error.code
        return None if answer is None else [answer.status, answer.content]

    return Host(blueprint, http=http, state=state)


class Work:
    """A host whose work ends after some looks; it keeps what it was asked."""

    def __init__(self, looks: int, **headers: Any) -> None:
        self.looks, self.headers = looks, headers
        self.asked: list[tuple[str, str]] = []

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((request["method"], request["uri"]))
        if len(self.asked) <= self.looks:
            headers = {"Location": "/jobs/1", "Retry-After": "30", **self.headers}
            return {"statusCode": 202, "headers": headers, "content": ""}
        return {"statusCode": 200, "headers": {}, "content": "done"}


def test_work_is_asked_for_until_it_has_ended() -> None:
    """POST once, then GET at its `Location`, not before `Retry-After`."""
    work = Work(2)
    with host_with(work) as host:
        name = host.start("poll")
        host.advance(seconds=29)
        assert work.asked == [("POST", URL)]
        assert host.finish(name).output == [200, "done"]
    assert work.asked[1:] == [("GET", f"{URL}/1")] * 2


def test_an_answer_at_once_is_not_polled() -> None:
    """Whatever its status is."""
    with host_with(Work(0)) as host:
        assert host.run("poll").output == [200, "done"]


def test_work_that_never_ends_is_left_at_the_deadline() -> None:
    """A pause that is longer than the rest of the time is not waited for."""
    for pause in ("400", "86400"):
        with host_with(Work(10**6, **{"Retry-After": pause})) as host:
            begun = host.now
            assert host.finish(host.start("poll")).output is None
            assert host.now - begun == timedelta(hours=1)


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.test/jobs/1",
        "http://api.example.com/jobs/1",
        "https://api.example.com:8443/jobs/1",
        "//169.254.169.254/metadata",
        "https://api.example.com@evil.test/",
        "https://[::1",
    ],
)
def test_a_location_at_another_host_is_not_followed(location: str) -> None:
    """Who may be called was decided before."""
    with pytest.raises(CallRefused):
        next_address(URL, {"location": location})
    work = Work(1, Location=location)
    with host_with(work) as host:
        assert host.run("poll").output in ("bad_location", "user_in_url", "bad_url", "bad_host")
    assert len(work.asked) == 1


def test_a_host_that_dies_at_any_commit_ends_with_the_same_answer(tmp_path: Path) -> None:
    """The call may be made twice; the answer is the last one."""
    crash, crashed = 0, True
    while crashed:
        crash, crashed = crash + 1, False
        with host_with(Work(2), tmp_path / f"{crash}.db") as host:
            host.crash_at(crash, "after" if crash % 2 else "before")
            while True:
                try:
                    _start(host)
                    assert host.finish("p1").output == [200, "done"]
                    break
                except HostCrash:
                    crashed = True
                    host.restart()
    assert crash > 5


def _start(host: Host) -> None:
    try:
        host.status("p1")
    except InstanceNotFound:
        host.start("poll", instance_id="p1")
