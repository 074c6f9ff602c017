"""Lists of calls to other hosts. The host that is called is told of by stand-ins: its port must not vary."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from devhost.replay import export_instance
from devhost.testing import Host, in_turn
from entities import api_host
from invoicing.records.api_calls import (
    API_CALLS,
    CallLimits,
    CallsJob,
    HostDone,
    HostWork,
    RoundDone,
)
from orchestrators import api_calls
from orchestrators.api_calls import ROUNDS
from tests.histories.kept import Recorded, text_of

_LIST = "c" + "1" * 24
_HOST = "api.example.com:443"
# What the host makes by chance: ids of requests to entities.
_CHANCE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DONE = RoundDone(
    state="completed", counts={"ok": 2}, hosts={_HOST: HostDone(left=0, answered=True)}
).as_plain()
_STOPPED = RoundDone(state="stopped", counts={"not_called": 2}, hosts={_HOST: HostDone(left=0)}).as_plain()

Rounds = Callable[[Host], Any]


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name."""

    def busy(host: Host) -> dict[str, Any]:
        due = host.now + timedelta(seconds=60)
        hosts = {_HOST: HostDone(left=1, due=due, answered=True, pause=due)}
        return RoundDone(state="going", counts={"ok": 1}, hosts=hosts).as_plain()

    def down(host: Host) -> dict[str, Any]:
        hosts = {_HOST: HostDone(left=2, failures=5)}
        return RoundDone(state="going", counts={}, hosts=hosts).as_plain()

    def nothing(host: Host) -> dict[str, Any]:
        return RoundDone(state="going", counts={}, hosts={_HOST: HostDone(left=2)}).as_plain()

    def fault(host: Host) -> dict[str, Any]:
        raise KeyError("x")

    yield _played(version, "calls-completed", lambda host: _DONE)
    yield _played(version, "calls-stopped", lambda host: _STOPPED)
    yield _played(version, "calls-waiting-for-a-busy-host", busy)
    yield _played(version, "calls-tried-again", in_turn(busy, lambda host: _DONE), end=True)
    yield _played(version, "calls-host-left-alone", in_turn(down, nothing))
    yield _played(version, "calls-continued", in_turn(*[busy] * (ROUNDS + 1), lambda host: _DONE), end=True)
    yield _played(version, "calls-failed", fault, end=True)


def _played(version: str, file: str, rounds: Rounds, *, end: bool = False) -> Recorded:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.db"
        with Host(
            [api_calls.bp, api_host.bp],
            activities={"call_round": lambda job: _told(rounds, host)},
            state=state,
            default_version=version,
        ) as host:
            job = CallsJob(
                calls=_LIST,
                total=2,
                deadline=host.now + timedelta(hours=2),
                limits=CallLimits(deadline_seconds=7200),
                host_most=50,
                hosts={_HOST: HostWork(left=2)},
            )
            host.start(API_CALLS.name, API_CALLS.written_input(job), instance_id=_LIST)
            if end:
                host.finish(_LIST)
        return {file: _settled(text_of(export_instance(state, _LIST)))}


def _told(rounds: Rounds, host: Host) -> Any:
    told = rounds(host)
    return told(host) if callable(told) else told


def _settled(text: str) -> str:
    """The text with the same made-up ids each time."""
    order: dict[str, str] = {}

    def settled(found: re.Match[str]) -> str:
        return order.setdefault(found[0], f"00000000-0000-4000-8000-{len(order):012x}")

    return _CHANCE.sub(settled, text)
