"""Worker processes are killed while people decide over HTTP: every decision counts, and counts once.

Ann gets each message by itself and Bob digests; each of them has to approve, and Ann rejects some. Whoever
gets no answer asks again, as a person does. Longer, by command:

    SETTLE_LOST_APPROVALS=200 python3 dev.py test tests/crash/test_lost_deciders.py
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from samples.generator import generate
from tests.crash.hosts import KillableHost
from tests.crash.watching import (
    PATIENCE,
    asked,
    killing,
    until_all_wait,
    until_none_waits,
    until_nothing_failed,
)
from tests.e2e import calls

pytestmark = pytest.mark.slow

APPROVALS = int(os.environ.get("SETTLE_LOST_APPROVALS", "16"))
#: Seconds between two kills: a new worker needs about two on a quiet machine.
EVERY = float(os.environ.get("SETTLE_LOST_EVERY", "4"))
#: People who decide at the same time.
AT_ONCE = 4
SWITCHES = ("--orchestrators-in-workers", "--http-in-workers", "--early-timers")
ANN, BOB = "ann@example.com", "bob@example.com"
POLICY = {
    "version": 1,
    "people": {ANN: {"name": "Ann", "messages": "single"}, BOB: {"name": "Bob"}},
    "rules": [
        {
            "name": "all",
            "when": {},
            "stages": [{"name": "clerk", "approvers": [ANN, BOB], "quorum": 2, "expire_after": "P14D"}],
        }
    ],
}


def test_decisions_are_taken_though_workers_are_killed_all_the_time(tmp_path: Path, storage: str) -> None:
    """Each ledger has what was said, once; what was agreed to is booked once; nobody is told twice."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(POLICY))
    settings = {"SETTLE_POLICY": str(policy), "SETTLE_DIGEST_SECONDS": "5"}
    host = KillableHost(tmp_path, storage, *SWITCHES, **settings)
    host.start()
    try:
        host.send(list(generate(APPROVALS, seed=seed)), approval=True)
        with killing(host, EVERY, seed) as kills:
            waiting = sorted(item["approval"] for item in until_all_wait(host, APPROVALS))
            assert len(waiting) == APPROVALS, "an invoice has two approvals"
            rejected = frozenset(waiting[::5])
            began = time.monotonic()
            _decide_all(host, waiting, rejected)
            decided = time.monotonic()
        until_none_waits(host)
        _each_ledger_is_right(host, waiting, rejected)
        until_nothing_failed(host, tmp_path)
        _nobody_was_asked_twice(host, waiting)
        print(f"{APPROVALS} approvals decided in {decided - began:.0f} s, {len(kills)} workers killed")
    finally:
        host.stop()


class _Mail:
    """What people got: the tokens of the links, read once and looked for again where one is missing."""

    def __init__(self, host: KillableHost) -> None:
        self._host = host
        self._tokens: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def token(self, approval: str, person: str) -> str:
        """The token by which a person may decide."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with self._lock:
                if (approval, person) not in self._tokens:
                    self._look()
                if token := self._tokens.get((approval, person)):
                    return token
            time.sleep(2)
        raise AssertionError(f"{person} was not told of {approval}; cases: {asked(self._host, 'cases')}")

    def _look(self) -> None:
        for message, item in _messages(self._host):
            if item["kind"] == "request":
                self._tokens[item["approval"], message["to"]] = item["link"].partition("?t=")[2]


def _decide_all(host: KillableHost, approvals: list[str], rejected: frozenset[str]) -> None:
    mail = _Mail(host)

    def decide(approval: str) -> None:
        if approval in rejected:
            _decide(host, approval, mail.token(approval, ANN), "reject")
            return
        for person in (ANN, BOB):
            _decide(host, approval, mail.token(approval, person), "approve")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(decide, approvals))


def _decide(host: KillableHost, approval: str, token: str, decision: str) -> None:
    """Decide with the link of the message; whoever got no answer asks again, and may hear that it is done."""
    body = {"decision": decision, "comment": "seen", "t": token}
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(requests.RequestException):
            answer = calls.post(f"{host.url}/api/approvals/{approval}/decisions", json=body, timeout=60)
            if answer.ok or answer.status_code == 409:
                return
            assert answer.status_code >= 500, answer.text
        time.sleep(0.3)
    raise AssertionError(f"{approval} cannot be decided")


def _messages(host: KillableHost) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each message with each approval that it speaks of."""
    found = asked(host, "outbox?top=1000")["messages"]
    return [(message, item) for message in found for item in message["items"]]


def _each_ledger_is_right(host: KillableHost, approvals: list[str], rejected: frozenset[str]) -> None:
    approved = {"opened": 1, "stage_opened": 1, "approve": 2, "closed": 1, "booked": 1}
    refused = {"opened": 1, "stage_opened": 1, "reject": 1, "closed": 1}
    for approval in approvals:
        expected = refused if approval in rejected else approved
        deadline = time.monotonic() + PATIENCE
        while (found := _kinds(host, approval)) != expected:
            assert time.monotonic() < deadline, f"{approval}: {found}; cases: {asked(host, 'cases')}"
            time.sleep(1)


def _kinds(host: KillableHost, approval: str) -> Counter[str]:
    return Counter(entry["kind"] for entry in asked(host, f"approvals/{approval}")["history"])


def _nobody_was_asked_twice(host: KillableHost, approvals: list[str]) -> None:
    asks = Counter((message["to"], item["approval"]) for message, item in _messages(host))
    assert set(asks.values()) == {1}, {who: count for who, count in asks.items() if count > 1}
    assert {approval for _, approval in asks} == set(approvals)
