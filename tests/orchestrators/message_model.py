"""A small world of messages: invoices come in, people decide, and everything on the way of a message fails.

The host dies at commits and in the middle of steps, the storage and the mail server are away, the queue
loses, delays and repeats, and a process stands still between two calls while time passes. All of it from one
seed. What must be true at the end is counted from the ledgers.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from activities import digest_steps
from adapters.channels import NotSent
from devhost.testing import HostCrash
from invoicing.approval import names
from invoicing.approval.deciding import DecisionRefused
from invoicing.approval.gathering import Slot
from invoicing.approval.tellings import tellings
from invoicing.records.message_steps import DigestJob
from stores import outbox
from stores.blobs import StorageUnavailable
from stores.ledgers import ApprovalMissing
from tests.orchestrators.approval_kit import ANN, BOB, CARLA, SUE, Office, clerk, sha256
from tests.orchestrators.approval_model import MOST_LOSSES, plan_loss
from usecases.approval_view import read_approval

STAGE = clerk(remind_after="PT30M", remind_every="PT3H", escalate_after="PT5H", escalate_to=[CARLA])
REFS = tuple(names.invoice_id(f"{n:x}" * 64) for n in range(1, 6))


class World:
    """One run; `trace` says what happened. `sent_and_died`: how often sending could not be noted."""

    #: Whether worker processes die with steps of orchestrations, and a supervisor comes by.
    loses_steps = False

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        quorum = self.rng.choice([1, 2])
        self.office = Office({**STAGE, "quorum": quorum}, seed=seed)
        self.trace: list[str] = []
        self.mail_is_down = False
        self.sent_and_died = 0
        self.lost = 0
        self._losses = 0
        self._dies_after_sending = False
        self._storage_calls_left: int | None = None
        self._fault: Callable[[], None] | None = None
        self._slot = ""
        self._just_sent = False

    def run(self) -> None:
        """Two dozen things happen, then everything calms down and what must be true is looked at."""
        with self.office.at_work(), pytest.MonkeyPatch.context() as patched:
            self._put = outbox.put
            patched.setattr(outbox, "put", self._send)
            self.office.blobs.fails = self._at_storage
            for _ in range(self.rng.randint(15, 30)):
                self._survive(self._one_thing)
                if self.loses_steps:
                    self._survive(self._one_loss)
            self._calm_down()
            self.check()

    # ------------------------------------------------------------ what happens

    def _one_thing(self) -> None:
        choices = {
            self._bring: 6,
            self._deliver: 6,
            self._decide: 6,
            self._advance: 10,
            self._lose_a_start: 1,
            self._repeat_a_start: 1,
            self._mail_server: 2,
            self._plan_fault: 6,
        }
        self.rng.choices(list(choices), weights=list(choices.values()))[0]()

    def _bring(self) -> None:
        ref = self.rng.choice(REFS)
        self._note(f"{ref[:3]} comes in")
        self._bring_once(ref)

    def _bring_once(self, ref: str) -> None:
        if not self.office.host.instances(ref):
            self._without_faults(lambda: self.office.store(_text(ref), ref=ref))
            self.office.host.start("process_invoice", {"invoice": ref, "run": "1"}, instance_id=ref)

    def _deliver(self) -> None:
        self._note(f"{len(self.office.queue)} starts are delivered")
        self.office.deliver()

    def _decide(self) -> None:
        ref, who = self.rng.choice(REFS), self.rng.choice([ANN, BOB, CARLA])
        decision = self.rng.choices(["approve", "reject", "ask"], weights=[5, 1, 1])[0]
        with suppress(DecisionRefused, ApprovalMissing, StorageUnavailable):
            entry = self.office.write(
                who, decision, names.approval_id(ref), stage="clerk", sha256=sha256(_text(ref))
            )
            self._note(f"{who} {decision} {ref[:3]}: entry {entry.seq}")
            self.office.wake(names.approval_id(ref), entry.seq)

    def _advance(self) -> None:
        minutes = self.rng.choice([0.5, 1, 5, 14, 15, 16, 40, 200])
        self._note(f"{minutes} minutes pass")
        self.office.host.advance(minutes=minutes)

    def _lose_a_start(self) -> None:
        """The queue gives it up after some tries; the supervisor finds it."""
        digests = [start for start in self.office.queue if start[0] == "deliver_digest"]
        if digests:
            self._note(f"a start is lost: {digests[0][1]}")
            self.office.queue.remove(digests[0])
            self.lost += 1

    def _repeat_a_start(self) -> None:
        if self.office.queue:
            self.office.queue.append(self.rng.choice(self.office.queue))

    def _mail_server(self) -> None:
        self.mail_is_down = not self.mail_is_down
        self._note(f"the mail server is {'down' if self.mail_is_down else 'up'}")

    # ------------------------------------------------------------ faults

    def _plan_fault(self) -> None:
        if self.rng.random() < 0.3:
            commit = self.office.host.commits + self.rng.randint(1, 8)
            self.office.host.crash_at(commit, self.rng.choice(["before", "after"]))
            self._note(f"crash planned at commit {commit}")
        elif self.rng.random() < 0.2:
            self._note("a process will die right after sending")
            self._dies_after_sending = True
        else:
            self._storage_calls_left = self.rng.randint(0, 30)
            self._fault = self.rng.choice([self._outage, self._die, self._stand_still, self._stand_still])
            self._note(f"planned: {self._fault.__name__} after {self._storage_calls_left} calls")

    def _one_loss(self) -> None:
        """A loss is planned, or the supervisor comes by."""
        if self.rng.random() < 0.5 and self._losses < MOST_LOSSES:
            self._losses += 1
            self._note(plan_loss(self.office.host, self.rng))
        else:
            for case in self.office.supervise():
                self._note(f"started again: {case.orchestrator}")

    def _at_storage(self, verb: str, name: str) -> None:
        """Fail, if it is time; the call right after a message was sent is the one that notes it."""
        try:
            self._fail_perhaps(verb, name)
        except (StorageUnavailable, HostCrash):
            self.sent_and_died += self._just_sent
            raise
        finally:
            self._just_sent = False

    def _fail_perhaps(self, verb: str, name: str) -> None:
        if self._storage_calls_left is None or self._fault is None:
            return
        self._storage_calls_left -= 1
        # Standing still is most dangerous right before a message is added to its slot.
        awaited = self._fault != self._stand_still or (verb == "write" and "/waiting/" in name)
        if self._storage_calls_left < 0 and awaited:
            fault, self._fault = self._fault, None
            self._slot = name.split("/")[1] if "/waiting/" in name else ""
            fault()

    def _outage(self) -> None:
        raise StorageUnavailable("no answer")

    def _die(self) -> None:
        raise HostCrash

    def _stand_still(self) -> None:
        """This process stops until its slot has ended; another one closes the slot meanwhile."""
        queued = [value["slot"] for name, _, value in self.office.queue if name == "deliver_digest"]
        if self._slot not in queued and not self.office.host.instances(f"digest-{self._slot}"):
            return
        slot = next(one.slot for one in self.office.told if one.slot and one.slot.name == self._slot)
        self.office.host.clock.advance(slot.ends - self.office.host.now + timedelta(seconds=1))
        self._without_faults(lambda: self._close_slot(slot))
        self._note(f"a process stands still; meanwhile {self._slot} is closed")

    def _close_slot(self, slot: Slot) -> None:
        job = DigestJob(slot=slot.name, ends=slot.ends, channel="outbox", to=())
        digest_steps.close_slot(job)

    def _send(self, *arguments: Any) -> None:
        if self.mail_is_down:
            raise NotSent("mail: ConnectionRefusedError")
        self._without_faults(lambda: self._put(*arguments))
        self._just_sent = True
        if self._dies_after_sending:
            self._dies_after_sending = False
            self.sent_and_died += 1
            raise HostCrash

    def _without_faults(self, act: Callable[[], object]) -> None:
        left, self._storage_calls_left = self._storage_calls_left, None
        act()
        self._storage_calls_left = left

    def _survive(self, act: Callable[[], object]) -> None:
        """Do something; a host that dies of it is started again, as often as it takes."""
        try:
            act()
        except HostCrash:
            self._note("the host died")
            self._survive(self.office.host.restart)
        except StorageUnavailable:
            self._note("the storage was away")

    def _note(self, text: str) -> None:
        self.trace.append(f"{self.office.host.now:%d %H:%M:%S} {text}")

    # ------------------------------------------------------------ the end

    def _calm_down(self) -> None:
        """No more faults: what was lost is swept up, and time passes until every message has been sent."""
        self._fault = self._storage_calls_left = None
        self._dies_after_sending = self.mail_is_down = False
        self.office.host.crash_at(10**9)
        self._survive(self.office.host.run_until_idle)
        self.office.host.advance(hours=1)  # for whatever waits to try again
        self.office.deliver()
        self.office.sweep()
        for _ in range(8 if self.loses_steps else 3):
            self.office.host.advance(hours=2)
            self.office.deliver()
            self._survive(self.office.supervise)
            self._survive(lambda: self.office.supervise(gone=True))

    def check(self) -> None:
        """The invariants. Raises AssertionError."""
        told = {(one.approval, one.entry, one.to): one for one in self.office.told}
        arrived = Counter(
            (message.to, item.approval, item.kind)
            for message in outbox.messages(self.office.blobs, 1000)[0].found
            for item in message.items
        )
        wanted: Counter[tuple[str, str, str]] = Counter()
        for approval in {one.approval for one in self.office.told}:
            view = read_approval(self.office.blobs, approval)
            asked = view.request.stages
            for telling in tellings(asked, view.entries, SUE):
                for person in telling.to:
                    notice = told[approval, telling.seq, (person,)]
                    recent = self.office.host.now - notice.goes_out < timedelta(hours=2)
                    assert recent or notice.state in ("sent", "obsolete"), f"not sent: {notice}"
                    if notice.state == "sent":
                        wanted[person, approval, telling.kind] += 1
        missing, more = wanted - arrived, arrived - wanted
        assert not missing, f"noted as sent, and not there: {missing}"
        assert not more or self.sent_and_died, f"sent without being noted, or twice: {more}"


class LosingWorld(World):
    """A world in which steps of orchestrations are lost with their worker process, too."""

    loses_steps = True


def _text(ref: str) -> str:
    return f"valid ACME {ref[1]} 500.00"
