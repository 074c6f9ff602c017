"""An office for tests of approvals: workflows on a host with skipping time, blobs in memory, and people."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import azure.durable_functions as df
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from activities import (
    approving,
    assess_invoice,
    batch_hand_over,
    booking,
    claim_invoice,
    digest_steps,
    goods,
    routing,
    send_callback,
    send_notification,
    signals,
    supplier_check,
)
from adapters import policies, services
from adapters.identity import Identity
from adapters.services import Services
from adapters.settings import Settings, from_environment
from devhost.errors import InstanceNotFound
from devhost.testing import Host, HostCrash, Status
from invoicing import supervision
from invoicing.approval import names
from invoicing.approval.ledger import Entry
from invoicing.approval.policy import Policy
from invoicing.approval.policy_file import parse
from invoicing.records.answers.invoices import InvoiceStatus
from invoicing.records.base import InvoiceId, Person
from invoicing.records.invoice import InvoiceRecord
from invoicing.records.messages import Notice
from invoicing.records.supervision import Case, OpenWork
from orchestrators import (
    approval,
    batch_approvals,
    batch_document,
    callback,
    digest,
    goods_receipt,
    invoice,
    notification,
)
from orchestrators import supplier_check as supplier_checking
from stores import approval_names, notices, supervised
from stores.invoices import InvoiceStore, record_name
from stores.payables import PAYABLES
from tests.app_versions import CURRENT
from tests.fakes.ledger_keys import LEDGER_KEY, LEDGER_KEYS
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker, SayingReader
from triggers import supervising
from usecases import supervise
from usecases.approval_view import read_approval
from usecases.decide_approval import Choice, enter_decision
from usecases.invoice_status import invoice_status
from usecases.reassign import Reassignment, reassign
from usecases.wake_approval import decision_after, waiting_at, wake
from usecases.watch_rights import watch_rights
from usecases.withdraw_invoice import withdraw_invoice

APP = [
    module.bp
    for module in (
        approval,
        invoice,
        batch_approvals,
        batch_document,
        callback,
        digest,
        goods,
        goods_receipt,
        notification,
        approving,
        assess_invoice,
        batch_hand_over,
        booking,
        claim_invoice,
        digest_steps,
        routing,
        send_callback,
        send_notification,
        signals,
        supplier_check,
        supplier_checking,
    )
]

ANN, BOB, CARLA, DAN, EVA = (f"{name}@example.com" for name in ("ann", "bob", "carla", "dan", "eva"))
SUE = "sue@example.com"
PEOPLE = (ANN, BOB, CARLA, DAN, EVA)
DOCUMENT = "valid ACME 17 500.00"
INVOICE = names.invoice_id("1" * 64)


def clerk(**changes: Any) -> dict[str, Any]:
    """A stage of one clerk, Ann or Bob, that expires after 14 days."""
    return {"name": "clerk", "approvers": [ANN, BOB], "expire_after": "P14D"} | changes


def manager(**changes: Any) -> dict[str, Any]:
    """A stage of one manager, Carla or Dan."""
    return {"name": "manager", "approvers": [CARLA, DAN], "expire_after": "P14D"} | changes


def policy_of(*stages: dict[str, Any]) -> Policy:
    """A policy that asks for these stages of every invoice."""
    value = {
        "version": 1,
        "people": {one: {"name": one.split("@")[0].title()} for one in PEOPLE},
        "rules": [{"name": "all", "when": {}, "stages": list(stages)}],
    }
    return parse(json.dumps(value).encode())


def plain(builder: Any) -> Callable[[Any], Any]:
    """The function behind a decorated activity."""
    return builder._function.get_user_function()


def drive(steps: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that waits for nothing real."""
    try:
        steps.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the coroutine waits for something real")


@dataclass
class HostClient:
    """What of the durable client the service layer uses, on the host of the test."""

    host: Host

    async def get_status(self, instance_id: str, show_history: bool = False, *_: bool) -> Any:
        """The status, with its history if that is wanted; None where there is no such instance."""
        try:
            found = as_client_status(self.host.status(instance_id))
        except InstanceNotFound:
            return None
        if show_history:
            shown = self.host.engine.status(instance_id, show_history=True)
            found.historyEvents = shown.payload()["historyEvents"] if shown else []
        return found

    async def raise_event(self, instance_id: str, name: str, data: Any) -> None:
        """Raise an event as the client of the SDK does."""
        self.host.raise_event(instance_id, name, data)

    async def start_new(self, name: str, instance_id: str, client_input: Any) -> str:
        """Start an instance, over one of its id that has ended."""
        return self.host.start(name, client_input, instance_id=instance_id)

    async def rewind(self, instance_id: str, reason: str) -> None:
        """Repeat what failed."""
        self.host.rewind(instance_id, reason)

    async def terminate(self, instance_id: str, reason: str) -> None:
        """End an instance."""
        self.host.terminate(instance_id, reason)

    async def get_status_by(
        self,
        created_time_from: datetime,
        created_time_to: datetime,
        runtime_status: list[Any],
        instance_id_prefix: str | None,
    ) -> list[Any]:
        """The instances that were begun in a time and are in a state, 100 at most."""
        wanted = {one.value for one in runtime_status}
        found = [
            as_client_status(one)
            for one in self.host.instances(instance_id_prefix)
            if one.runtime_status in wanted and created_time_from <= one.created <= created_time_to
        ]
        return found[:100]


def as_client_status(status: Status) -> Any:
    """A status with the names that the SDK's client gives its fields."""
    return SimpleNamespace(
        instance_id=status.instance_id,
        name=status.name,
        runtime_status=Runtime(status.runtime_status),
        created_time=status.created,
        last_updated_time=status.updated,
        output=status.output,
        custom_status=status.custom_status,
        input_=status.input,
    )


class Office:
    """Invoices, people who decide, and the messages to them.

    `queue`: the starts that were queued, which come when `deliver` says so; the clock of the steps is the
    host's.
    """

    def __init__(self, *stages: dict[str, Any], **host: Any) -> None:
        self.blobs = MemoryBlobs()
        self.queue: list[tuple[str, str, Any]] = []
        self.queue_fails: Exception | None = None
        self.settings: Settings = replace(
            from_environment(
                {
                    "AzureWebJobsStorage": "unused",
                    "SETTLE_LEDGER_KEY": LEDGER_KEY,
                    "SETTLE_LINK_KEY": "k" * 32,
                    "SETTLE_PUBLIC_URL": "https://settle.example",
                }
            ),
            policy_file=Path("none"),
        )
        self.policy = policy_of(*stages)
        host.setdefault("default_version", CURRENT)
        self.host = Host(APP, **host)

    def _enqueue(self, settings: Settings, orchestrator: str, instance: str, value: Any) -> None:
        if self.queue_fails is not None:
            raise self.queue_fails
        self.queue.append((orchestrator, instance, value))

    @contextmanager
    def at_work(self) -> Iterator[Office]:
        """The services are this office's inside of the block."""
        here = Services(
            self.settings,
            self.blobs,
            SayingChecker,
            self._enqueue,
            make_reader=lambda settings: SayingReader(),
            clock=lambda: self.host.now,
        )
        load, policies.load = policies.load, lambda settings: self.policy
        try:
            with services.replaced_by(here):
                yield self
        finally:
            policies.load = load
            self.host.close()

    # ------------------------------------------------------------ what happens

    @property
    def client(self) -> df.DurableOrchestrationClient:
        """The durable client."""
        return cast(df.DurableOrchestrationClient, HostClient(self.host))

    def bring(self, text: str = DOCUMENT, *, sender: str | None = SUE, ref: str = INVOICE) -> str:
        """An invoice comes in and its workflow starts; returns the id of its approval."""
        self.store(text, sender=sender, ref=ref)
        job = {"invoice": ref, "run": "1"}
        supervised.note(self.blobs, OpenWork(instance=ref, orchestrator="process_invoice", input=job))
        self.host.start("process_invoice", job, instance_id=ref)
        return names.approval_id(ref)

    def store(self, text: str, *, sender: str | None = SUE, ref: str = INVOICE) -> None:
        """Store a document, as the API does before it starts the workflow."""
        content = text.encode()
        digest = hashlib.sha256(content).hexdigest()
        record = InvoiceRecord(
            id=InvoiceId(ref),
            created=self.host.now,
            name="a.xml",
            size=len(content),
            sha256=digest,
            sender=Person(sender) if sender else None,
            fingerprint=digest,
        )
        self.blobs.write(record_name(ref), record.as_json())
        InvoiceStore(self.blobs).put_document(ref, content)

    def write(self, who: str, decision: str, approval: str | None = None, **more: Any) -> Entry:
        """Somebody decides, and the process dies before the event: only the ledger knows."""
        approval = approval or names.approval_id(INVOICE)
        stage = more.pop("stage", None)
        if stage is None:
            view = read_approval(self.blobs, approval)
            stage = view.open_stage.name if view.open_stage else view.stages[-1].name
        choice = Choice(
            approval=approval,
            stage=stage,
            decision=decision,
            comment=more.pop("comment", "because"),
            sha256=more.pop("sha256", None) or self.sha256(approval),
        )
        value: dict[str, Any] = {"via": "dev", "link_id": None, "now": self.host.now} | more
        value.setdefault("people", frozenset(self.policy.people))
        return enter_decision(self.blobs, LEDGER_KEYS, choice, who, **value)

    def decide(self, who: str, decision: str, approval: str | None = None, **more: Any) -> Entry:
        """Somebody decides, and the workflow is woken."""
        entry = self.write(who, decision, approval, **more)
        self.wake(approval, entry.seq)
        return entry

    def look_at_rights(self) -> Sequence[str]:
        """What the minute's look at rights wakes."""
        return asyncio.run(watch_rights(services.current(), self.client))

    def reassign(self, who: str, to: str, reason: str = "Bob has left", *, wakes: bool = True) -> Entry:
        """An administrator gives the open stage to somebody else; without `wakes` the event gets lost."""
        wanted = Reassignment(names.approval_id(INVOICE), to, reason)
        client = self.client if wakes else cast(df.DurableOrchestrationClient, None)
        identity = Identity(who, "dev")
        return asyncio.run(reassign(services.current(), client, identity, wanted, self.host.now))

    def withdraw(self, who: str = SUE, why: str = "sent by mistake") -> None:
        """Somebody withdraws the invoice."""
        asyncio.run(withdraw_invoice(services.current(), self.client, INVOICE, who, why, self.host.now))

    def invoice_status(self) -> InvoiceStatus:
        """What callers are told of the invoice."""
        return asyncio.run(invoice_status(self.client, self.blobs, INVOICE))

    def leaves(self, person: str) -> None:
        """Somebody is taken out of the policy; rules that they were in stay as they are in open approvals."""
        people = {one: about for one, about in self.policy.people.items() if one != person}
        self.policy = replace(self.policy, people=people)

    def wake(self, approval: str | None = None, seq: int | None = None) -> bool:
        """Raise the event of a decision."""
        return drive(wake(self.client, approval or names.approval_id(INVOICE), seq))

    def sweep(self) -> list[str]:
        """The timer trigger's work, without its threads."""
        found = []
        for name in self.blobs.names(approval_names.INBOX):
            approval = name.removeprefix(approval_names.INBOX)
            waits = waiting_at(drive(self.client.get_status(approval)))
            seq = decision_after(self.blobs, approval, waits.seen) if waits else None
            if seq is not None and drive(wake(self.client, approval, seq)):
                found.append(approval)
        return found

    def deliver(self) -> None:
        """The queue trigger's work: start what was queued, unless there is such an instance."""
        while self.queue:
            orchestrator, instance, value = self.queue[0]
            if not self.host.instances(instance):
                self.host.start(orchestrator, value, instance_id=instance)
            self.queue.pop(0)

    def supervise(self, *, gone: bool = False) -> list[Case]:
        """The work of the supervisor's timers: the quick look, or the one for runs that are gone."""
        if gone:
            return asyncio.run(supervise.restart_gone(self.blobs, self.client, self.host.now))
        return asyncio.run(supervising.look(self.client, self.host.now, supervising.LONG_AGO))

    def start_by_hand(self, instance: str) -> Case:
        """Somebody presses the button that starts a run again."""
        return asyncio.run(supervise.restart_now(self.blobs, self.client, instance, self.host.now))

    def recover(self) -> None:
        """Supervise, with a little time in between, until nothing is started again any more."""
        for _ in range(20):
            started = self.supervise()
            self.host.advance(seconds=2)
            if not started and not any(supervision.due(case) for case in self.cases() if not case.is_running):
                return
        raise AssertionError("the supervisor never rests")

    def cases(self) -> list[Case]:
        """What the supervisor has not settled."""
        return supervised.cases(self.blobs)

    def live(self, steps: Iterable[Callable[[], object]]) -> bool:
        """Go through steps; one in which the host dies is taken again. Returns whether it died."""
        died = False
        for step in steps:
            try:
                step()
            except HostCrash:
                died = True
                self.host.restart()
                step()
        return died

    # ------------------------------------------------------------ what can be seen

    def sha256(self, approval: str | None = None) -> str:
        """The hash of the document that is shown."""
        request = json.loads(self.blobs.read(approval_names.request(approval or names.approval_id(INVOICE))))
        return request["document"]["sha256"]

    def entries(self, approval: str | None = None) -> list[Entry]:
        """The ledger."""
        return list(read_approval(self.blobs, approval or names.approval_id(INVOICE)).entries)

    def kinds(self, approval: str | None = None) -> list[str]:
        """The kinds of the ledger's entries."""
        return [entry.kind for entry in self.entries(approval)]

    def status(self, instance: str = INVOICE) -> Status:
        """The status of a workflow, with history."""
        return self.host.status(instance, history=True)

    @property
    def told(self) -> list[Notice]:
        """The messages that were noted, in the order of what they tell of."""
        stored = [name for name in self.blobs.names(approval_names.APPROVALS) if "/notifications/" in name]
        found = [notices.from_json(name, self.blobs.stored[name][0]) for name in stored]
        return sorted(found, key=lambda notice: (notice.created, notice.approval, notice.entry, notice.to))

    def told_kinds(self, approval: str | None = None) -> list[tuple[str, tuple[str, ...]]]:
        """Kind and persons of what was told, of one approval or of all."""
        together: dict[tuple[str, int, str], tuple[str, ...]] = {}
        for notice in self.told:
            if approval not in (None, notice.approval):
                continue
            about = (notice.approval, notice.entry, notice.kind)
            together[about] = (*together.get(about, ()), *notice.to)
        return [(kind, to) for (_, _, kind), to in together.items()]

    def payables(self) -> list[dict[str, Any]]:
        """What was booked."""
        return [json.loads(self.blobs.read(name)) for name in self.blobs.names(PAYABLES)]


def sha256(text: str) -> str:
    """The hash of a document."""
    return hashlib.sha256(text.encode()).hexdigest()


def day(entry: Entry, start: datetime) -> float:
    """When an entry was written, in days since a moment."""
    return round((datetime.fromisoformat(entry.at) - start) / timedelta(days=1), 3)


def moment(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
