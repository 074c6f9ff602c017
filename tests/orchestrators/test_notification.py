"""One message on the in-process host: tries, pauses, the end of patience, crashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devhost.testing import Host, HostCrash, in_turn
from orchestrators import notification

JOB = {"approval": "a" + "1" * 24, "notice": "n" + "2" * 24}
SENT, AGAIN = {"outcome": "sent"}, {"outcome": "again", "error": "mail: ConnectionRefusedError"}

Make = Callable[[Any], Host]


@pytest.fixture
def host_with() -> Iterator[Make]:
    """Hosts whose `send_notification` is replaced; all are closed after the test."""
    hosts: list[Host] = []

    def make(send: Any) -> Host:
        hosts.append(Host(notification.bp, activities={"send_notification": send}))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


def test_message_that_is_taken_ends_at_once(host_with: Make) -> None:
    """One try, no timer."""
    host = host_with(SENT)
    status = host.run("deliver_notification", JOB)
    assert status.output == {"outcome": "sent", "attempts": 1}
    assert host.calls_of("send_notification") == [{**JOB, "last": False}]


def test_channel_that_is_down_is_tried_again_with_growing_pauses(host_with: Make) -> None:
    """Ten seconds, then twice the one before; the custom status says what is wrong meanwhile."""
    host = host_with(in_turn(AGAIN, AGAIN, AGAIN, SENT))
    name = host.start("deliver_notification", JOB)
    assert host.status(name).custom_status == {"attempts": 1, "error": "mail: ConnectionRefusedError"}
    for pause, tries in ((10, 2), (20, 3)):
        host.advance(seconds=pause - 1)
        assert len(host.calls_of("send_notification")) == tries - 1
        host.advance(seconds=1)
        assert len(host.calls_of("send_notification")) == tries
    assert host.finish(name).output == {"outcome": "sent", "attempts": 4}


def test_message_is_given_up_after_two_days(host_with: Make) -> None:
    """The last try, at the very end, knows that it is the last one; an hour is the longest pause."""
    host = host_with(lambda job: AGAIN)
    status = host.finish(host.start("deliver_notification", JOB))
    assert status.output["outcome"] == "failed"
    assert status.output["error"] == "mail: ConnectionRefusedError"
    assert status.updated - status.created == timedelta(days=2)
    lasts = [job["last"] for job in host.calls_of("send_notification")]
    assert lasts[-1] is True
    assert True not in lasts[:-1]
    assert 50 < len(lasts) == status.output["attempts"] < 70


@pytest.mark.parametrize("outcome", ["failed", "obsolete"])
def test_message_that_cannot_or_need_not_be_sent_ends(host_with: Make, outcome: str) -> None:
    """No address, or the stage was decided meanwhile."""
    host = host_with({"outcome": outcome})
    assert host.run("deliver_notification", JOB).output == {"outcome": outcome, "attempts": 1}


def test_try_that_breaks_counts_as_one_that_failed(host_with: Make) -> None:
    """Storage that is away, or a fault: it never fails the orchestration, even at the end."""
    host = host_with(in_turn(OSError("StorageUnavailable: no answer"), SENT))
    assert host.finish(host.start("deliver_notification", JOB)).output["attempts"] == 2
    host = host_with(in_turn(KeyError("x")))
    status = host.finish(host.start("deliver_notification", JOB))
    assert (status.runtime_status, status.output["outcome"]) == ("Completed", "failed")


@pytest.mark.parametrize("when", ["before", "after"])
def test_host_that_dies_at_any_commit_ends_with_the_same_output(tmp_path: Path, when: str) -> None:
    """The message is taken in the end, whatever was tried twice."""
    crash, crashed = 0, True
    while crashed:
        crash += 1
        tries = {"send_notification": in_turn(AGAIN, AGAIN, SENT)}
        with Host(notification.bp, activities=tries, state=tmp_path / f"{when}-{crash}.db") as host:
            host.crash_at(crash, when)
            crashed = not _finished(host)
            if crashed:
                host.restart()
                if not host.instances(JOB["notice"]):
                    host.start("deliver_notification", JOB, instance_id=JOB["notice"])
            assert host.finish(JOB["notice"]).output["outcome"] == "sent"
    assert crash > 5, "so few commits cannot be all"


def _finished(host: Host) -> bool:
    try:
        host.start("deliver_notification", JOB, instance_id=JOB["notice"])
        host.finish(JOB["notice"])
    except HostCrash:
        return False
    return True
