"""Decisions about calls: slots and the circuit breaker of a host, pauses, what an answer means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from invoicing.calls import host_state, judging, retries
from invoicing.calls.asked import ListRefused, requests_of
from invoicing.calls.host_state import FAILURES, HostState, acquire, report
from invoicing.outgoing.targets import CallPolicy
from invoicing.records.api_calls import CallAsked, CallRequest, CallState, HostAsk, HostReport
from invoicing.records.outgoing import OutgoingAnswer, SecretRef

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def ask(holder: str = "c1", wanted: int = 10, most: int = 15, seconds: float = 0) -> HostAsk:
    """A list that wants slots for a minute."""
    return HostAsk(holder=holder, wanted=wanted, most=most, now=at(seconds), until=at(seconds + 60))


def told(failures: int, *, holder: str = "c1", answered: bool = False, seconds: float = 0, pause=None):
    """What a list tells of its calls."""
    return HostReport(holder=holder, answered=answered, failures=failures, now=at(seconds), pause=pause)


# ---------------------------------------------------------------- slots


def test_lists_share_the_slots_of_a_host() -> None:
    """The first gets what it wants, the next what is left, the third is told to come back."""
    state, first = acquire(HostState(), ask("c1"))
    state, second = acquire(state, ask("c2"))
    state, third = acquire(state, ask("c3"))
    assert (first.slots, second.slots, third.slots) == (10, 5, 0)
    assert third.again == at(0) + host_state.NO_SLOT
    state = report(state, told(0, holder="c1", answered=True))
    assert acquire(state, ask("c3"))[1].slots == 10


def test_a_list_that_asks_twice_has_its_slots_once() -> None:
    """Its round was lost with its worker, and is done again."""
    state, _ = acquire(HostState(), ask("c1"))
    state, again = acquire(state, ask("c1"))
    assert again.slots == 10
    assert sum(lease.slots for lease in state.leases.values()) == 10


def test_slots_of_a_list_that_died_come_back() -> None:
    """A lease ends by itself."""
    state, _ = acquire(HostState(), ask("c1", wanted=15))
    assert acquire(state, ask("c2", seconds=59))[1].slots == 0
    assert acquire(state, ask("c2", seconds=60))[1].slots == 10


# ---------------------------------------------------------------- the breaker


def broken() -> HostState:
    """A host that failed so often that it is left alone."""
    return report(HostState(), told(FAILURES))


def test_failures_in_a_row_open_the_breaker_and_an_answer_between_does_not() -> None:
    """They count over rounds and lists; what was answered in between begins at none."""
    state = report(HostState(), told(FAILURES - 1))
    assert acquire(state, ask())[1].slots == 10
    assert acquire(report(state, told(1, holder="c2")), ask())[1].slots == 0
    state = report(state, told(1, answered=True))
    assert acquire(state, ask())[1].slots == 10


def test_an_open_breaker_lets_one_list_make_one_call_after_a_pause() -> None:
    """Half-open: the others wait for what comes of it."""
    state = broken()
    refused = acquire(state, ask(seconds=9))[1]
    assert (refused.slots, refused.again) == (0, at(10))
    state, probe = acquire(state, ask(seconds=10))
    assert (probe.slots, probe.probe) == (1, True)
    assert acquire(state, ask("c2", seconds=10))[1].slots == 0
    state = report(state, told(0, answered=True, seconds=11))
    assert acquire(state, ask("c2", seconds=11))[1].slots == 10


def test_each_probe_that_fails_makes_the_pause_longer() -> None:
    """10, 20, 40 seconds, at most five minutes; once it is back, it begins anew."""
    state, seconds, pauses = broken(), 0.0, []
    for _ in range(8):
        again = acquire(state, ask(seconds=seconds))[1].again
        assert again
        pauses.append((again - at(seconds)).total_seconds())
        seconds = (again - NOON).total_seconds()
        state, _ = acquire(state, ask(seconds=seconds))
        state = report(state, told(1, seconds=seconds))
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]
    state = report(state, told(0, answered=True))
    assert report(state, told(FAILURES)).open_until == at(10)


def test_a_probe_whose_list_died_does_not_hold_the_others_for_ever() -> None:
    """Its lease ends as any."""
    state, _ = acquire(broken(), ask(seconds=10))
    assert acquire(state, ask("c2", seconds=70))[1].probe


def test_a_host_that_wants_a_pause_gets_it_from_all_lists() -> None:
    """Not for longer than a day, whatever it says."""
    state = report(HostState(), told(0, answered=True, pause=at(60)))
    assert acquire(state, ask("c2", seconds=59))[1].again == at(60)
    assert acquire(state, ask("c2", seconds=60))[1].slots == 10
    state = report(HostState(), told(0, answered=True, pause=NOON + timedelta(days=400)))
    assert state.pause == NOON + timedelta(days=1)


# ---------------------------------------------------------------- when again


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("60", at(60)),
        ("0", NOON),
        (" 7 ", at(7)),
        ("Mon, 04 May 2026 12:01:00 GMT", at(60)),
        ("Monday, 04-May-26 12:01:00 GMT", at(60)),
        ("Mon May  4 12:01:00 2026", at(60)),
        ("Mon, 04 May 2026 11:00:00 GMT", NOON),
        ("99999999999999999999", at(2 * 86_400)),
        ("Mon, 04 May 9999 11:00:00 GMT", at(2 * 86_400)),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("Mon, 99 May 2026 12:01:00 GMT", None),
        ("٣", None),
        ("9" * 5000, None),
    ],
)
def test_retry_after_has_seconds_or_a_date(text: str, moment: datetime | None) -> None:
    """In each form that HTTP knows; what cannot be read counts as not there."""
    assert retries.retry_after({"retry-after": text}, NOON) == moment


def test_pauses_grow_and_half_of_them_is_by_chance() -> None:
    """From half a second to a second, up to half a minute to a minute."""
    for attempts, most in ((1, 1), (2, 2), (3, 4), (7, 60), (60, 60)):
        assert retries.again_at(NOON, attempts, None, 0.0) == at(most / 2)
        assert retries.again_at(NOON, attempts, None, 1.0) == at(most)


def test_a_host_is_never_called_before_it_wants() -> None:
    """What chance adds comes after it."""
    assert retries.again_at(NOON, 1, at(60), 0.0) == at(60)
    assert at(60) < retries.again_at(NOON, 1, at(60), 0.5) < at(61)


def test_chance_is_the_same_for_the_same_attempt_and_spread_over_all() -> None:
    """A round that is done again plans the same."""
    assert retries.chance_of("a", 1, 1) == retries.chance_of("a", 1, 1)
    some = [retries.chance_of("a", n, 1) for n in range(500)]
    assert 0.4 < sum(some) / 500 < 0.6
    assert min(some) < 0.05
    assert max(some) > 0.95


# ---------------------------------------------------------------- what an answer means

CALL = CallRequest(
    host="a:443", method="GET", url="https://a/", headers={}, body="", timeout_seconds=1, name="mine"
)


def answered(status: int, body: bytes = b"", **headers: str) -> OutgoingAnswer:
    """An answer with a status."""
    return OutgoingAnswer(outcome="answered", status=status, body=body, headers=headers)


@pytest.mark.parametrize(
    ("answer", "changes", "outcome", "again"),
    [
        (answered(200), {}, "ok", False),
        (answered(404), {}, "unexpected", False),
        (answered(404), {"expected": (404,)}, "ok", False),
        (answered(200), {"expected": (201,)}, "unexpected", False),
        (answered(302), {}, "unexpected", False),
        (answered(503), {}, "unexpected", True),
        (answered(429), {}, "unexpected", True),
        (answered(503), {"expected": (503,)}, "ok", False),
        (answered(200, b"<p>"), {"json_wanted": True}, "unexpected", False),
        (answered(200, b"[" * 100_000), {"json_wanted": True}, "unexpected", False),
        (answered(200, b"[1]"), {"json_wanted": True}, "ok", False),
        (OutgoingAnswer(outcome="refused", code="address_not_allowed"), {}, "refused", False),
        (OutgoingAnswer(outcome="failed", code="no_connection"), {}, "failed", True),
        (OutgoingAnswer(outcome="failed", code="bad_certificate"), {}, "failed", False),
        (OutgoingAnswer(outcome="failed", code="answer_too_large", status=200), {}, "failed", False),
        (OutgoingAnswer(outcome="timed_out", code="silent"), {}, "timed_out", True),
    ],
)
def test_outcomes(answer: OutgoingAnswer, changes: dict, outcome: str, again: bool) -> None:
    """And whether the call is made again."""
    request = CALL.model_copy(update=changes)
    state, result = judging.taken_in(request, 3, CallState(), answer, attempts=4, again=at(1))
    assert (result.outcome, state.done, state.due) == (outcome, not again, at(1) if again else None)
    assert (result.n, result.name, result.attempts) == (3, "mine", 1)


def test_failures_are_counted_and_busy_hosts_are_not() -> None:
    """A call is made as often as the list allows; a host that says "later" is asked until the deadline."""
    state = CallState()
    for _ in range(20):
        state, _ = judging.taken_in(CALL, 1, state, answered(429), attempts=3, again=at(1))
        assert not state.done
    for left in (2, 1, 0):
        state, result = judging.taken_in(CALL, 1, state, answered(500), attempts=3, again=at(1))
        assert state.done == (left == 0)
    assert (result.attempts, state.outcome) == (23, "unexpected")


def test_bodies_stand_in_the_result_where_they_are_small() -> None:
    """As a text, else as base64; a larger one is stored apart."""
    for body, expected in (
        (b"", (None, False, False)),
        ("ä".encode(), ("ä", False, False)),
        (b"\xff", ("/w==", True, False)),
        (b"x" * 8193, (None, False, True)),
    ):
        _, result = judging.taken_in(CALL, 1, CallState(), answered(200, body), attempts=1, again=NOON)
        assert (result.body, result.is_base64, result.stored) == expected
        assert result.size == len(body)


def test_the_key_of_a_call_is_its_own_and_stays() -> None:
    """Each attempt has the same, each call another one."""
    keys = {judging.idempotency_key(calls, n) for calls in ("c1", "c2") for n in (1, 2)}
    assert len(keys) == 4
    assert judging.idempotency_key("c1", 1) in keys


# ---------------------------------------------------------------- what is asked for

POLICY = CallPolicy(hosts=("a.example.com",), secret_hosts={"ERP": ("a.example.com",)})


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"url": "https://127.0.0.1/"}, "host_not_allowed"),
        ({"url": "https://0x7f.1/"}, "address_not_allowed"),
        ({"headers": {"Authorization": "Bearer abc"}}, "secret_in_the_open"),
        ({"headers": {"X-Api-Key": "abc"}}, "secret_in_the_open"),
        ({"headers": {"Host": "abc"}}, "header_not_allowed"),
        ({"headers": {"Authorization": SecretRef(secret="OTHER")}}, "secret_not_allowed"),
        ({"body": "x"}, "bad_body"),
        ({"method": "POST", "body": "\ud800"}, "bad_body"),
        ({"method": "POST", "body": {"number": float("inf")}}, "bad_body"),
        ({"method": "POST", "body": "x" * (1024 * 1024 + 1)}, "bad_body"),
    ],
)
def test_calls_that_are_refused(call: dict, code: str) -> None:
    """All or none: the list names each place."""
    good = CallAsked(url="https://a.example.com/")
    bad = CallAsked.model_validate({"url": "https://a.example.com/", **call})
    with pytest.raises(ListRefused) as caught:
        requests_of((good, bad, good, bad), POLICY)
    assert caught.value.code == "call_refused"
    assert [(problem.n, problem.code) for problem in caught.value.problems] == [(2, code), (4, code)]


def test_calls_as_they_are_stored() -> None:
    """JSON is written as JSON; a secret stays a name."""
    header = {"Authorization": {"secret": "ERP", "prefix": "Bearer "}}
    asked = CallAsked.model_validate(
        {"url": "https://a.example.com/x", "method": "POST", "body": {"a": [1, "ä"]}, "headers": header}
    )
    [request] = requests_of((asked,), POLICY)
    assert (request.host, request.body) == ("a.example.com:443", '{"a": [1, "ä"]}')
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == SecretRef(secret="ERP", prefix="Bearer ")


def test_a_list_calls_some_hosts_at_most() -> None:
    """Each costs the workflow an entity."""
    policy = CallPolicy(hosts=("*.example.com",))
    calls = tuple(CallAsked(url=f"https://h{n}.example.com/") for n in range(51))
    with pytest.raises(ListRefused) as caught:
        requests_of(calls, policy)
    assert caught.value.code == "too_many_hosts"
    assert len(requests_of(calls[:50], policy)) == 50
