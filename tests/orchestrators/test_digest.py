"""Digests on the in-process host: when a slot ends, tries, crashes at every commit, starts that are lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.channels import NotSent
from devhost.testing import Chaos, Host, in_turn
from invoicing.approval import names
from orchestrators import digest
from stores import outbox, supervised
from tests.orchestrators.approval_kit import ANN, BOB, DOCUMENT, SUE, Office, clerk

SENT, AGAIN = {"outcome": "sent"}, {"outcome": "again", "error": "mail: ConnectionRefusedError"}
INVOICES = tuple(names.invoice_id(str(n) * 64) for n in (1, 2, 3))


def _job(host: Host, minutes: float = 10) -> dict[str, Any]:
    ends = (host.now + timedelta(minutes=minutes)).isoformat()
    return {"slot": "0" * 24 + "-1", "ends": ends, "channel": "mail", "to": [ANN]}


def test_slot_is_closed_when_it_has_ended_and_each_part_is_sent() -> None:
    """Not a moment before, also where timers are early."""
    work = {"close_slot": {"parts": 2}, "send_digest": SENT}
    with Host(digest.bp, activities=work, chaos=Chaos(3)) as host:
        job = _job(host)
        name = host.start("deliver_digest", job)
        host.advance(minutes=9.98)
        assert host.calls_of("close_slot") == []
        output = host.finish(name).output
        assert output == {"outcome": "completed", "parts": {"sent": 2}}
        assert host.now >= datetime.fromisoformat(job["ends"])
        parts = [(one["part"], one["parts"], one["last"]) for one in host.calls_of("send_digest")]
        assert parts == [(0, 2, False), (1, 2, False)]


def test_digest_that_is_started_late_goes_out_at_once() -> None:
    """The queue was away until after the slot."""
    with Host(digest.bp, activities={"close_slot": {"parts": 1}, "send_digest": SENT}) as host:
        assert host.run("deliver_digest", _job(host, -60)).output["parts"] == {"sent": 1}


def test_channel_that_is_down_is_tried_until_two_days_after_the_slot() -> None:
    """With growing pauses; the last try knows that it is the last."""
    with Host(digest.bp, activities={"close_slot": {"parts": 1}, "send_digest": lambda job: AGAIN}) as host:
        status = host.finish(host.start("deliver_digest", _job(host)))
        assert status.output == {"outcome": "completed", "parts": {"failed": 1}}
        lasts = [job["last"] for job in host.calls_of("send_digest")]
        assert lasts[-1] is True
        assert True not in lasts[:-1]
        assert 50 < len(lasts) < 70
        assert status.updated - status.created == pytest.approx(
            timedelta(days=2, minutes=10), abs=timedelta(seconds=5)
        )


def test_slot_that_cannot_be_closed_is_waited_for() -> None:
    """The storage is away for a while."""
    away = OSError("StorageUnavailable: no answer")
    work = {"close_slot": in_turn(away, away, {"parts": 1}), "send_digest": SENT}
    with Host(digest.bp, activities=work) as host:
        assert host.finish(host.start("deliver_digest", _job(host))).output["outcome"] == "completed"


# ---------------------------------------------------------------- with all the steps


@pytest.mark.parametrize("when", ["before", "after"])
def test_host_that_dies_at_any_commit_sends_each_message_once(tmp_path: Path, when: str) -> None:
    """Three invoices come in, one is decided in time: one message to each clerk, one to the sender."""
    crash, crashed = 0, True
    while crashed:
        crash += 1
        with Office(clerk(), state=tmp_path / f"{when}-{crash}.db").at_work() as here:
            here.host.crash_at(crash, when)
            crashed = here.live(_life(here))
            told = [
                (message.to, item.kind)
                for message in outbox.messages(here.blobs)[0].found
                for item in message.items
            ]
            expected = [(ANN, "request")] * 2 + [(BOB, "request")] * 2 + [(SUE, "decided")]
            assert sorted(told) == sorted(expected), f"crash {when} commit {crash}"
            assert len(outbox.messages(here.blobs)[0].found) == 3, f"crash {when} commit {crash}"
            states = sorted(notice.state for notice in here.told)
            assert states == ["obsolete"] * 2 + ["sent"] * 5
    assert crash > 40, "so few commits cannot be all"


def _life(here: Office) -> list[Callable[[], object]]:
    """What happens to three invoices, step by step; each step can be taken again."""
    end = here.host.now + timedelta(hours=1)
    approval = names.approval_id(INVOICES[0])
    return [
        *(
            lambda ref=ref: here.host.instances(ref) or here.bring(DOCUMENT.replace("17", ref[1]), ref=ref)
            for ref in INVOICES
        ),
        here.deliver,
        lambda: here.kinds(approval).count("approve") or here.write(ANN, "approve", approval),
        lambda: here.wake(approval),
        here.deliver,
        lambda: here.host.advance(max(timedelta(0), end - here.host.now)),
    ]


def test_mail_server_that_is_down_for_a_day_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invoices come in all the time; when it is back, each message arrives, what was decided is left out."""
    down = True
    put = outbox.put

    def sometimes(*arguments: Any) -> None:
        if down:
            raise NotSent("mail: ConnectionRefusedError")
        put(*arguments)

    monkeypatch.setattr(outbox, "put", sometimes)
    with Office(clerk(approvers=[ANN])).at_work() as here:
        for ref in INVOICES:
            here.bring(DOCUMENT.replace("17", ref[1]), ref=ref)
            here.deliver()
            here.host.advance(hours=8)
        assert outbox.messages(here.blobs)[0].found == []
        here.decide(ANN, "approve", names.approval_id(INVOICES[1]))
        here.deliver()
        down = False
        here.host.advance(hours=2)
        told = [(one.to, item.kind) for one in outbox.messages(here.blobs)[0].found for item in one.items]
        assert sorted(told) == [(ANN, "request"), (ANN, "request"), (SUE, "decided")]
        assert sorted(notice.state for notice in here.told) == ["obsolete", "sent", "sent", "sent"]


def test_start_that_is_lost_is_made_good_by_the_supervisor() -> None:
    """The message of the queue is gone: the digest was noted as work under way, and is started from there."""
    with Office(clerk(approvers=[ANN])).at_work() as here:
        here.bring()
        here.queue.clear()
        (notice,) = here.told
        assert notice.slot is not None
        assert [case.instance for case in here.supervise(gone=True)] == [f"digest-{notice.slot.name}"]
        here.host.advance(hours=1)
        assert [message.to for message in outbox.messages(here.blobs)[0].found] == [ANN]
        assert here.supervise(gone=True) == []
        assert [work.orchestrator for work in supervised.work_under_way(here.blobs)] == ["process_invoice"]


def test_digest_that_is_started_again_from_its_beginning_sends_nothing_twice() -> None:
    """As a supervisor does with one that the host failed: the same id, the same input, a new history."""
    with Office(clerk(approvers=[ANN])).at_work() as here:
        here.bring()
        here.deliver()
        (notice,) = here.told
        assert notice.slot is not None
        name = f"digest-{notice.slot.name}"
        job = json.loads(here.host.status(name).input)
        here.host.finish(name)
        before = {blob: value[0] for blob, value in here.blobs.stored.items() if "outbox" in blob}
        here.host.purge(name)
        here.host.start("deliver_digest", job, instance_id=name)
        assert here.host.finish(name).output == {"outcome": "completed", "parts": {"sent": 1}}
        after = {blob: value[0] for blob, value in here.blobs.stored.items() if "outbox" in blob}
        assert after == before
