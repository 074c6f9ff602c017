"""Lists of calls on the skipping clock, against real hosts of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from devhost.errors import InstanceNotFound
from devhost.testing import HostCrash
from invoicing.records.api_calls import API_CALLS
from stores import supervised
from stores.blobs import StorageUnavailable
from tests.fakes.odd_host import OddHost
from tests.orchestrators.calls_kit import LIST, SECRET, Calls


@pytest.fixture
def odd() -> Iterator[OddHost]:
    """A host that answers in all ways."""
    with OddHost() as host:
        yield host


@pytest.fixture
def app() -> Iterator[Calls]:
    """An app that calls it."""
    with Calls().at_work() as calls:
        yield calls


def gets(odd: OddHost, *paths: str) -> list[dict[str, Any]]:
    """A call to each path."""
    return [{"url": f"{odd.url}/{path}"} for path in paths]


def test_a_list_ends_with_one_outcome_for_each_call(odd: OddHost, app: Calls) -> None:
    """What went well and what did not, with the answers; the work is noted no more."""
    app.start([*gets(odd, "ok", "status/404", "html"), {"url": f"{odd.url}/html", "answer": "json"}])
    assert app.finish() == {"status": "completed", "total": 4, "counts": {"ok": 2, "unexpected": 2}}
    results = app.results()
    assert [results[n].outcome for n in range(1, 5)] == ["ok", "unexpected", "ok", "unexpected"]
    assert results[1].body == '{"ok": true}'
    assert (results[2].status, results[4].code) == (404, "not_json")
    assert supervised.instances_under_way(app.blobs) == []


def test_calls_are_made_so_many_at_a_time(odd: OddHost, app: Calls) -> None:
    """In all, and to one host."""
    app.start(gets(odd, *["slow"] * 40), parallel=20, per_host=7)
    assert app.finish()["counts"] == {"ok": 40}
    assert odd.most == 7


def test_the_history_has_counts_and_hosts_and_the_storage_few_calls(odd: OddHost, app: Calls) -> None:
    """A list of any length costs the same."""
    app.start(gets(odd, *["ok"] * 300), parallel=50, per_host=50)
    history = app.host.status(LIST, history=True).history
    assert len(history or []) < 25
    assert len(str(history)) < 12_000
    assert len(app.blobs.calls) < 15


def test_a_host_that_is_busy_for_a_minute_is_asked_again_when_it_wants(odd: OddHost, app: Calls) -> None:
    """Seconds in `Retry-After`: nothing is sent before."""
    odd.retry_after = "60"
    app.start(gets(odd, "busy/1"), attempts=1)
    app.host.advance(seconds=59)
    assert len(odd.requests) == 1
    app.host.advance(seconds=3)
    assert len(odd.requests) == 2
    assert app.finish()["counts"] == {"ok": 1}
    assert app.results()[1].attempts == 2


def test_retry_after_may_be_a_date(odd: OddHost, app: Calls) -> None:
    """As HTTP writes dates."""
    odd.retry_after = formatdate(app.host.now.timestamp() + 90, usegmt=True)
    app.start(gets(odd, "busy/1"))
    app.host.advance(seconds=88)
    assert len(odd.requests) == 1
    app.host.advance(seconds=5)
    assert len(odd.requests) == 2


def test_a_busy_host_that_does_not_say_when_is_asked_with_growing_pauses(odd: OddHost, app: Calls) -> None:
    """More often than a call that fails may be tried."""
    app.start(gets(odd, "busy/8"), attempts=2)
    assert app.finish()["counts"] == {"ok": 1}
    assert len(odd.requests) == 9


def test_retry_after_beyond_the_deadline_ends_with_what_there_was(odd: OddHost, app: Calls) -> None:
    """The list ends at its deadline, not later, and says so of each call."""
    odd.retry_after = "7200"
    begun = app.host.now
    app.start(gets(odd, "busy/1", "ok"), per_host=1, deadline_seconds=600)
    output = app.finish()
    assert output["counts"] == {"unexpected": 1, "not_called": 1}
    assert (app.host.now - begun).total_seconds() == 600
    assert app.results()[1].status == 429
    assert app.store.state(LIST, 2).ended == "deadline"


def test_a_call_that_fails_is_tried_again_and_then_given_up(odd: OddHost, app: Calls) -> None:
    """With growing pauses."""
    app.start(gets(odd, "status/500"), attempts=3)
    assert app.finish()["counts"] == {"unexpected": 1}
    assert app.results()[1].attempts == len(odd.requests) == 3


def test_the_key_of_a_call_is_the_same_in_each_attempt(odd: OddHost, app: Calls) -> None:
    """Of what changes something; a caller's own key is left as it is."""
    own = {"Idempotency-Key": "mine"}
    app.start(
        [
            {"url": f"{odd.url}/status/503", "method": "POST", "body": {"a": 1}},
            {"url": f"{odd.url}/status/503?2", "method": "POST", "headers": own},
            *gets(odd, "ok"),
        ],
        attempts=3,
    )
    app.finish()
    keys = [
        {one.headers.get("idempotency-key") for one in odd.requests if one.target == target}
        for target in ("/status/503", "/status/503?2", "/ok")
    ]
    assert [len(some) for some in keys] == [1, 1, 1]
    assert keys[1:] == [{"mine"}, {None}]
    assert {one.body for one in odd.requests} == {b'{"a": 1}', b""}


def test_a_host_that_is_down_is_left_alone_and_looked_at(app: Calls) -> None:
    """Five failures open the breaker; then one call at a time looks, with growing pauses."""
    app.start([{"url": "http://127.0.0.1:1/"}] * 30, attempts=10, deadline_seconds=300)
    output = app.finish()
    assert sum(output["counts"].values()) == 30
    attempts = sum(result.attempts for result in app.results().values())
    assert attempts < 20  # of 300
    assert app.host.entity("api_host", "127.0.0.1:1")["opened"]


def test_a_host_that_comes_back_gets_all_calls(odd: OddHost, app: Calls) -> None:
    """The breaker closes with the first answer."""
    app.start(gets(odd, *[f"down/13?{n}" for n in range(30)]), attempts=10, parallel=10)
    assert app.finish()["counts"] == {"ok": 30}
    assert "opened" not in app.host.entity("api_host", f"127.0.0.1:{odd.port}")


def test_one_slow_host_does_not_hold_back_another(odd: OddHost, app: Calls) -> None:
    """Each has its own slots."""
    with OddHost() as other:
        slow = [{"url": f"{other.url}/hang", "timeout_seconds": 1}] * 2
        app.start([*slow, *gets(odd, *["ok"] * 20)], per_host=2, parallel=4, attempts=1)
        assert app.finish()["counts"] == {"ok": 20, "timed_out": 2}


@pytest.mark.parametrize(
    ("path", "outcome", "code"),
    [
        ("trickle", "timed_out", "too_slow"),
        ("hang", "timed_out", "too_slow"),
        ("gigabyte", "failed", "answer_too_large"),
        ("redirect?http://169.254.169.254/", "unexpected", "unexpected_status"),
        ("noise", "failed", "bad_answer"),
    ],
)
def test_bad_hosts(odd: OddHost, app: Calls, path: str, outcome: str, code: str) -> None:
    """Each ends in its outcome; nothing is followed, nothing large is kept."""
    app.start([{"url": f"{odd.url}/{path}", "timeout_seconds": 0.5}], attempts=1)
    app.finish()
    result = app.results()[1]
    assert (result.outcome, result.code, result.body) == (outcome, code, None)
    assert sum(len(data) for data, *_ in app.blobs.stored.values()) < 5000


def test_a_large_answer_is_stored_apart(odd: OddHost, app: Calls) -> None:
    """Byte for byte."""
    body = "x" * 9000
    app.start([{"url": f"{odd.url}/echo", "method": "POST", "body": body}])
    app.finish()
    result = app.results()[1]
    assert (result.stored, result.body) == (True, None)
    stored = app.store.answer(LIST, 1)
    assert (len(stored), body.encode() in stored) == (result.size, True)


def test_a_name_that_resolves_inside_is_refused(odd: OddHost) -> None:
    """Also where its name is on the list, and only at the second look."""

    async def inside(host: str) -> Sequence[str]:
        return ["169.254.169.254"]

    with Calls(resolve=inside).at_work() as app:
        app.start([{"url": "https://api.example.com/"}, {"url": "https://a.example.org/"}])
        assert app.finish()["counts"] == {"refused": 2}
        assert {result.code for result in app.results().values()} == {"address_not_allowed"}


def test_a_secret_stands_nowhere(odd: OddHost, tmp_path: Path) -> None:
    """The host got it; task hub and blobs have its name only, though the host said it back."""
    state = tmp_path / "state.db"
    with Calls(state=state).at_work() as app:
        header = {"Authorization": {"secret": "ERP", "prefix": "Bearer "}}
        app.start([{"url": f"{odd.url}/echo", "headers": header}])
        app.finish()
        assert odd.requests[0].headers["authorization"] == f"Bearer {SECRET}"
        assert "[secret ERP]" in (app.results()[1].body or "")
        everything = [data for data, *_ in app.blobs.stored.values()]
        everything += [file.read_bytes() for file in tmp_path.iterdir()]
        assert not any(SECRET.encode() in data for data in everything)


def test_a_list_that_is_stopped_calls_nothing_more(odd: OddHost, app: Calls) -> None:
    """The others are told as not called."""
    odd.retry_after = "300"
    app.start(gets(odd, "busy/1", *["ok"] * 5), per_host=1)
    app.store.ask_to_stop(LIST)
    output = app.finish()
    assert (output["status"], output["counts"]) == ("stopped", {"unexpected": 1, "not_called": 5})
    assert len(odd.requests) == 1


@pytest.mark.usefixtures("quick_and_quiet")
def test_a_list_that_waits_long_keeps_a_short_history(odd: OddHost, app: Calls) -> None:
    """It continues as new, and ends as any."""
    app.start(gets(odd, "busy/100000"), deadline_seconds=1200)
    assert app.finish()["counts"] == {"unexpected": 1}
    assert len(app.host.status(LIST, history=True).history or []) < 200
    assert len(odd.requests) > 20


# ---------------------------------------------------------------- storage, death


def test_storage_that_is_away_is_waited_for(odd: OddHost, app: Calls) -> None:
    """What was answered meanwhile is called again, with its key."""
    failures = iter(range(4))

    def away(verb: str, name: str) -> None:
        if "/results/" in name and next(failures, None) is not None:
            raise StorageUnavailable(f"{verb} {name}: no answer")

    app.blobs.fails = away
    app.start(gets(odd, "ok", "ok"))
    assert app.finish()["counts"] == {"ok": 2}


def test_a_host_that_dies_at_any_commit_ends_the_list_the_same(odd: OddHost, tmp_path: Path) -> None:
    """Each call has its outcome, and the work is forgotten."""
    crash, crashed = 0, True
    while crashed:
        crash += 1
        odd.requests.clear()
        odd.forget()
        with Calls(state=tmp_path / f"{crash}.db").at_work() as app:
            app.host.crash_at(crash, "after" if crash % 2 else "before")
            crashed = _live(app, [*gets(odd, "busy/1", "ok"), *gets(odd, "status/404")])
            assert app.host.status(LIST).output["counts"] == {"ok": 2, "unexpected": 1}
            assert set(app.results()) == {1, 2, 3}
            assert supervised.instances_under_way(app.blobs) == []
    assert crash > 10


def _live(app: Calls, calls: list[dict[str, Any]]) -> bool:
    """Live through a list; says whether the host died on the way."""
    job = app.take_in(calls)
    crashed = False
    while True:
        try:
            try:
                app.host.status(LIST)
            except InstanceNotFound:
                app.host.start(API_CALLS.name, API_CALLS.written_input(job), instance_id=LIST)
            app.finish()
            return crashed
        except HostCrash:
            crashed = True
            app.host.restart()


@pytest.mark.parametrize("when", ["before", "after", "half"])
def test_a_run_that_is_lost_and_started_again_goes_on_from_storage(
    odd: OddHost, app: Calls, when: str
) -> None:
    """As the supervisor does it: with the input that was noted."""
    step = 0
    while True:
        step += 1
        app.blobs.stored.clear()
        odd.forget()
        app.host.lose_orchestrator(app.host.steps + step, when)
        app.start(gets(odd, "busy/1", "ok"))
        if app.host.finish(LIST).runtime_status != "Failed":
            break
        app.host.purge(LIST)
        app.host.start(API_CALLS.name, {**app.noted, "again": True}, instance_id=LIST)
        assert app.finish()["counts"] == {"ok": 2}
        app.host.purge(LIST)
    assert step > 1
