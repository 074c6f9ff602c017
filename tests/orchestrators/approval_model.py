"""A small world of people who click, a host that dies, and a storage that fails: all of it from one seed.

The checks at the end know nothing of the code that they judge: they walk the ledger's stored JSON with a few
lines of their own.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from devhost.errors import InstanceFinished, InstanceNotFound
from devhost.testing import Host, HostCrash
from devhost.testing.lost_steps import FATES
from invoicing.approval import audit, names
from invoicing.approval.deciding import DecisionRefused
from invoicing.approval.delegation import BadDelegation
from invoicing.approval.ledger import Entry
from stores import approval_names
from stores.blobs import StorageUnavailable
from stores.ledgers import ApprovalMissing
from tests.fakes.ledger_keys import LEDGER_KEYS
from tests.orchestrators.approval_kit import (
    ANN,
    BOB,
    CARLA,
    DAN,
    DOCUMENT,
    EVA,
    INVOICE,
    PEOPLE,
    SUE,
    Office,
    clerk,
    manager,
    sha256,
)
from usecases.absences import delegate

APPROVAL = names.approval_id(INVOICE)

#: What policies ask for, from one clerk to a quorum with stand-ins in the next stage.
POLICIES: tuple[tuple[dict[str, Any], ...], ...] = (
    (clerk(),),
    (clerk(remind_after="P1D", remind_every="P2D", escalate_after="P4D", escalate_to=[CARLA]),),
    (clerk(approvers=[ANN, BOB, EVA], quorum=2, on_expiry="escalate", escalate_to=[DAN]),),
    (clerk(on_expiry="approve", expire_after="P6D"), manager()),
    (clerk(approvers=[ANN, CARLA]), manager(approvers=[CARLA, DAN, ANN], quorum=2)),
    (clerk(approvers=[ANN, BOB]), manager(approvers=[ANN])),
    (clerk(), manager(approvers=[ANN], escalate_to=[BOB, CARLA], escalate_after="P5D")),
)


class World:
    """One run. `trace` says what happened in it: the same seed gives the same."""

    #: Whether worker processes die with steps of orchestrations, and a supervisor comes by.
    loses_steps = False

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.stages = self.rng.choice(POLICIES)
        self.sender = self.rng.choice([SUE, SUE, ANN, None])
        self.office = Office(*self.stages, seed=seed)
        self.trace: list[str] = []
        self.accepted: list[Entry] = []
        self.status = ""
        self._clicks = 0
        self._losses = 0
        self._storage_calls_left: int | None = None
        self._fault: Callable[[], None] | None = None

    def run(self) -> None:
        """The invoice comes in, a dozen things happen, then everything calms down and ends."""
        with self.office.at_work():
            self.office.blobs.fails = self._at_storage
            self.office.store(DOCUMENT, sender=self.sender)
            self._survive(self._start)
            for _ in range(self.rng.randint(6, 14)):
                self._one_thing()
            self._calm_down()
            self.check()

    # ------------------------------------------------------------ what happens

    def _one_thing(self) -> None:
        choices = (
            self._click,
            self._advance,
            self._sweep,
            self._stray_event,
            self._go_away,
            self._plan_fault,
        )
        act = self.rng.choices(choices, weights=(10, 4, 2, 1, 1, 4))[0]
        self._survive(act)
        if self.loses_steps:
            self._survive(self._one_loss)

    def _one_loss(self) -> None:
        """A loss is planned, or the supervisor comes by."""
        if self.rng.random() < 0.5 and self._losses < MOST_LOSSES:
            self._losses += 1
            self._note(plan_loss(self.office.host, self.rng))
        else:
            self._supervise()

    def _supervise(self) -> None:
        with suppress(StorageUnavailable):
            for case in self.office.supervise():
                self._note(f"started again: {case.orchestrator}")

    def _start(self) -> None:
        self.office.host.start("process_invoice", {"invoice": INVOICE}, instance_id=INVOICE)

    def _click(self) -> None:
        """Somebody decides; some click twice, and some decisions lose their event."""
        who = self.rng.choice([*PEOPLE, SUE])
        decision = self.rng.choices(["approve", "reject", "ask", "answer"], weights=(12, 2, 2, 2))[0]
        stage = self.rng.choice(["clerk", "clerk", "manager"])
        self._clicks += 1
        link = self.rng.choice([None, f"L{self._clicks}", f"L{self.rng.randint(1, self._clicks)}"])
        for _ in range(self.rng.choice([1, 1, 2])):
            entry = self._write(who, decision, stage, link)
            if self.rng.random() < 0.3:
                self._note("the process dies before the event")
            elif entry is not None:
                self._survive(lambda seq=entry.seq: self._wake(seq))

    def _write(self, who: str, decision: str, stage: str, link: str | None) -> Entry | None:
        click = f"{who.split('@')[0]} {decision} {stage} {link}"
        try:
            entry = self.office.write(
                who, decision, APPROVAL, stage=stage, link_id=link, sha256=sha256(DOCUMENT)
            )
        except DecisionRefused as refused:
            self._note(f"{click}: {refused.code}")
            return None
        except (ApprovalMissing, StorageUnavailable) as error:
            self._note(f"{click}: {type(error).__name__}")
            return None
        self.accepted.append(entry)
        self._note(f"{click}: entry {entry.seq}")
        return entry

    def _wake(self, seq: int) -> None:
        told = self.office.wake(APPROVAL, seq)
        self._note(f"wake {seq}: {told}")

    def _advance(self) -> None:
        hours = self.rng.choice([1, 12, 30, 100, 200])
        self._note(f"{hours} hours pass")
        self.office.host.advance(timedelta(hours=hours))

    def _sweep(self) -> None:
        try:
            self._note(f"sweep {self.office.sweep()}")
        except StorageUnavailable:
            self._note("sweep: StorageUnavailable")

    def _stray_event(self) -> None:
        name = names.event(self.rng.choice(["clerk", "manager"]), self.rng.randint(1, 4))
        self._note(f"stray {name}")
        with suppress(InstanceFinished, InstanceNotFound):
            self.office.host.raise_event(APPROVAL, name, "approve")

    def _go_away(self) -> None:
        who, to = self.rng.sample(PEOPLE, 2)
        now = self.office.host.now
        try:
            until = now + timedelta(days=self.rng.randint(1, 9))
            delegate(self.office.blobs, self.office.policy, who, until, to, now)
            self._note(f"{who} is away, {to} stands in")
        except (BadDelegation, StorageUnavailable) as error:
            self._note(f"{who} cannot go: {type(error).__name__}")

    # ------------------------------------------------------------ faults

    def _plan_fault(self) -> None:
        """Something fails soon: the host at a commit, or at a call of the storage one of four things."""
        if self.rng.random() < 0.4:
            commit = self.office.host.commits + self.rng.randint(1, 6)
            self.office.host.crash_at(commit, self.rng.choice(["before", "after"]))
            self._note(f"crash planned at commit {commit}")
            return
        self._storage_calls_left = self.rng.randint(0, 12)
        self._fault = self.rng.choice([self._outage, self._die, self._somebody_else, self._somebody_else])
        self._note(f"planned: {self._fault.__name__} after {self._storage_calls_left} calls")

    def _at_storage(self, verb: str, name: str) -> None:
        if self._storage_calls_left is None or self._fault is None:
            return
        self._storage_calls_left -= 1
        # Another process is most dangerous between somebody's look at the ledger and their entry in it.
        awaited = "create" if self._fault == self._somebody_else else verb
        if self._storage_calls_left < 0 and verb == awaited:
            fault, self._fault = self._fault, None
            fault()

    def _outage(self) -> None:
        raise StorageUnavailable("no answer")

    def _die(self) -> None:
        """The process dies in the middle of an activity, or of a request."""
        raise HostCrash

    def _somebody_else(self) -> None:
        """Another process decides while an entry is about to be written."""
        who = self.rng.choice(PEOPLE)
        self._note("meanwhile:")
        self._write(who, "approve", self.rng.choice(["clerk", "manager"]), None)

    def _survive(self, act: Callable[[], None]) -> None:
        """Do something; a host that dies of it is started again, as often as it takes."""
        try:
            act()
        except HostCrash:
            self._note("the host died")
            self._survive(self.office.host.restart)
            if not self.office.host.instances(INVOICE):
                self._survive(self._start)  # whoever sent it in got no answer and sends it again

    def _note(self, text: str) -> None:
        self.trace.append(f"{self.office.host.now:%d %H:%M} {text}")

    # ------------------------------------------------------------ the end

    def _calm_down(self) -> None:
        """No more faults; the sweep comes by, then time passes until all is over."""
        self._fault = self._storage_calls_left = None
        self.office.host.crash_at(10**9)
        self._survive(self.office.host.run_until_idle)
        self.office.host.advance(timedelta(hours=1))  # for whatever waits to try again
        if self.loses_steps:
            self._start_again_what_was_lost()
        self._sweep()
        assert self.office.sweep() == [], "one sweep is enough"
        self.office.host.finish(INVOICE)
        rounds = 0
        while self.loses_steps and self.office.status().runtime_status == "Failed":
            assert rounds < 20, "the supervisor does not start it again"
            rounds += 1
            self._start_again_what_was_lost()
            self.office.host.finish(INVOICE)

    def _start_again_what_was_lost(self) -> None:
        """The supervisor comes by until nothing that it can start is left."""
        for _ in range(5):
            self._survive(self._supervise)
            self.office.host.advance(timedelta(minutes=20))

    def check(self) -> None:
        """The invariants. Raises AssertionError."""
        blobs = self.office.blobs
        stored = [(int(n[-11:-5]), blobs.read(n)) for n in blobs.names(approval_names.ledger(APPROVAL))]
        output = self.office.host.status(INVOICE).output
        self.status = output["status"]
        if not stored:
            assert output["status"] == "failed"
            return
        proven = audit.prove(APPROVAL, blobs.read(approval_names.request(APPROVAL)), stored, LEDGER_KEYS)
        assert proven.flaw is None
        entries = [json.loads(data) for _, data in stored]
        self._nothing_lost(entries)
        self._nobody_asked_in_vain(entries)
        outcome = outcome_of(self.stages, entries, self.sender)
        assert output["status"] == {"approved": "booked"}.get(outcome, outcome), output
        assert len(self.office.payables()) == (outcome == "approved")
        assert blobs.names(approval_names.INBOX) == []
        claims = b"".join(blobs.read(name) for name in blobs.names("claims/"))
        assert (INVOICE.encode() in claims) == (outcome == "approved")

    def _nobody_asked_in_vain(self, entries: list[dict[str, Any]]) -> None:
        """Each stage asked somebody at once, and nobody who sent it in or approved a stage before."""
        asked: dict[str, set[str]] = {}
        for notice in self.office.told:
            if notice.kind == "request":
                asked.setdefault(notice.stage, set()).update(notice.to)
        barred = {self.sender}
        for opened in (one for one in entries if one["kind"] == "stage_opened"):
            mine = asked.get(opened["stage"], set())
            assert mine, f"nobody was asked in {opened['stage']}"
            assert not mine & barred, f"{mine & barred} cannot decide in {opened['stage']}"
            approvals = (one for one in entries if one["kind"] == "approve")
            barred |= {one["who"] for one in approvals if one["stage"] == opened["stage"]}

    def _nothing_lost(self, entries: list[dict[str, Any]]) -> None:
        hashes = {entry["hash"] for entry in entries}
        lost = [entry for entry in self.accepted if entry.hash not in hashes]
        assert not lost, f"lost: {lost}"
        twice = [entry["link_id"] for entry in entries if entry["link_id"]]
        assert len(twice) == len(set(twice)), "a link decided twice"


class LosingWorld(World):
    """A world in which steps of orchestrations are lost with their worker process, too."""

    loses_steps = True


#: A run that is lost more than seven times in a row is stuck, which is another test's.
MOST_LOSSES = 6


def plan_loss(host: Host, rng: random.Random) -> str:
    """Let one of the next steps of an orchestration be lost; returns what was planned, in words."""
    at = host.steps + rng.randint(1, 8)
    when = rng.choice(FATES)
    host.lose_orchestrator(at, when)
    return f"step {at} will be lost: {when}"


def outcome_of(stages: tuple[dict[str, Any], ...], entries: list[dict[str, Any]], sender: str | None) -> str:
    """What the ledger amounts to, counted anew; raises AssertionError for a ledger that must not be."""
    used: set[str] = set()
    outcome = "approved"
    for stage in stages:
        mine = [one for one in entries if one["stage"] == stage["name"]]
        ends = _ends_of(stage, mine, used, sender)
        assert len(ends) <= 1, f"two outcomes of {stage['name']}: {ends}"
        if outcome != "approved":
            assert not mine, "a stage after the end"
        elif not ends:
            raise AssertionError(f"{stage['name']} has no outcome, yet the workflow ended")
        else:
            outcome = ends[0]
    return outcome


def _ends_of(
    stage: dict[str, Any], entries: list[dict[str, Any]], used: set[str], sender: str | None
) -> list[str]:
    """Every outcome that the entries of a stage amount to; nothing may follow the first."""
    ends: list[str] = []
    places: set[str] = set()
    terms = 0
    allowed = {*stage["approvers"], *stage.get("escalate_to", ())}
    for entry in entries:
        assert not ends, f"{entry['kind']} after {ends} in {stage['name']}"
        if entry["kind"] in ("approve", "reject"):
            place = entry["on_behalf_of"] or entry["who"]
            assert place in allowed, f"{place} is no approver of {stage['name']}"
            assert entry["who"] not in used, f"{entry['who']} decided twice"
            assert sender not in (entry["who"], place), "the sender decided"
            assert place not in places, f"the place of {place} was taken"
            assert place not in used, f"{place} decided before, and {entry['who']} in their place"
        if entry["kind"] == "approve":
            used.add(entry["who"])
            places.add(entry["on_behalf_of"] or entry["who"])
            if len(places) == stage.get("quorum", 1):
                ends.append("approved")
        elif entry["kind"] == "reject":
            ends.append("rejected")
        elif entry["kind"] == "expiry":
            terms += 1
            meaning = stage.get("on_expiry", "reject")
            if meaning != "escalate" or terms == 2:
                ends.append("approved" if meaning == "approve" else "expired")
    return ends
