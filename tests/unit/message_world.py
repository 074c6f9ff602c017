"""Open approvals, people who are told of them, and the steps that send: messages without a host."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from activities import digest_steps, send_notification
from adapters import services
from adapters.services import Services
from adapters.settings import Settings, from_environment
from invoicing.approval import names
from invoicing.approval.gathering import Wish
from invoicing.approval.ledger import Draft
from invoicing.approval.policy import Stage
from invoicing.records.messages import Notice, OutboxMessage, StatedWish
from stores import approval_names, approvals, notices, outbox, wishes
from stores.blobs import Blobs
from stores.ledgers import Ledger
from tests.fakes.ledger_keys import LEDGER_KEYS
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.asked import asked
from tests.unit.report_rows import finding, row
from usecases.approval_view import read_approval
from usecases.rights import Rights
from usecases.telling import tell

ANN, BOB, SUE = "ann.roth@example.com", "bob.lang@example.com", "sue.sender@example.com"
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LIFETIME = timedelta(days=14)


class World:
    """The app's container, a clock, the starts that were queued, and settings that a test can change.

    The policy knows Ann alone. `queue_fails` is raised by the queue.
    """

    def __init__(self, folder: Path) -> None:
        policy = folder / "policy.json"
        stage = {"name": "clerk", "approvers": [ANN], "expire_after": "P14D"}
        people = {ANN: {"name": "Ann Roth"}}
        rules = [{"name": "all", "when": {}, "stages": [stage]}]
        policy.write_text(json.dumps({"version": 1, "people": people, "rules": rules}))

        self.blobs = MemoryBlobs()
        self.now = NOW
        self.queued: list[tuple[str, str, dict[str, Any]]] = []
        self.queue_fails: BaseException | None = None
        self.environment = {
            "AzureWebJobsStorage": "unused",
            "SETTLE_LINK_KEY": "k" * 32,
            "SETTLE_PUBLIC_URL": "https://settle.example",
            "SETTLE_MAIL_FROM": "settle@example.com",
            "SETTLE_POLICY": str(policy),
        }

    def services(self, blobs: Blobs | None = None) -> Services:
        """The services of a process that has just started."""
        settings = from_environment(self.environment)
        return Services(settings, blobs or self.blobs, _no_checker, self._enqueue, clock=lambda: self.now)

    def _enqueue(self, settings: Settings, name: str, instance: str, value: Any) -> None:
        if self.queue_fails is not None:
            raise self.queue_fails
        self.queued.append((name, instance, value))

    def wish(self, wish: Wish, *people: str) -> None:
        """People say how they want messages."""
        for person in people:
            wishes.state(self.blobs, StatedWish(who=person, messages=wish, said=self.now))

    # ------------------------------------------------------------ approvals

    def open(self, n: int = 1, approvers: tuple[str, ...] = (ANN, BOB), **invoice: Any) -> str:
        """An approval with the stage `clerk` open, sent in by Sue; returns its id."""
        ref = f"i{n:024x}"
        approval = names.approval_id(ref)
        values = {"number": f"RE-{n}", "seller": "ACME", "payable": "1234.5", "currency": "EUR"} | invoice
        iban = finding("SETTLE-IBAN", "warning", "The IBAN <b>is</b> wrong.", "settle")
        checked = row(name=f"re-{n}.xml", sha256="ab" * 32, kind="cii", invoice=values, findings=[iban])
        stage = Stage("clerk", approvers, LIFETIME)
        approvals.ask(self.blobs, asked(ref, stage, row=checked, created=self.now, sender=SUE))
        self.add(approval, "opened")
        self.add(approval, "stage_opened", stage="clerk")
        self.put_in_inbox(approval)
        return approval

    def add(self, approval: str, kind: Any, **fields: Any) -> None:
        """One more entry of the ledger."""
        draft = Draft(kind=kind, at=self.now.isoformat(), **fields)
        Ledger.read(self.blobs, approval).append(lambda entries: draft, LEDGER_KEYS)

    def put_in_inbox(self, approval: str) -> None:
        """What the inbox has of an open approval, as the workflow leaves it."""
        view = read_approval(self.blobs, approval)
        assert view.open_stage is not None
        item = {
            **dict.fromkeys(("supplier", "number", "amount", "currency", "type_code", "batch")),
            "approval": approval,
            "ref": view.request.ref,
            "stage": view.open_stage.name,
            "approvers": list(view.waiting_for),
            "since": self.now.isoformat(),
            "created": self.now.isoformat(),
            "findings": 0,
            "decided": sorted(view.open_stage.approvals.values()),
        }
        self.blobs.write(
            approval_names.inbox(approval), json.dumps(item).encode(), {"item": json.dumps(item)}
        )

    def end(self, approval: str, kind: str = "approve", who: str = BOB, comment: str = "") -> None:
        """Somebody decides, and the workflow closes the approval."""
        self.add(approval, kind, stage="clerk", who=who, comment=comment)
        self.add(approval, "closed")
        self.blobs.delete(approval_names.inbox(approval))

    def tell(self, approval: str, after: int = 0, here: Services | None = None) -> None:
        """Have people told of what is in the ledger behind entry `after`, as the steps of an approval do."""
        tell(here or self.services(), Ledger.read(self.blobs, approval), after, Rights(None, {}))

    # ------------------------------------------------------------ messages

    def send_alone(self, *, last: bool = False) -> list[dict[str, Any]]:
        """Send what was queued to be sent alone, each once; returns the outcomes."""
        jobs = [value for name, _, value in self.queued if name == "deliver_notification"]
        with services.replaced_by(self.services()):
            return [_outcome(send_once({**job, "last": last})) for job in jobs]

    def send_digests(self, *, last: bool = False) -> list[dict[str, Any]]:
        """Let the slots of all queued digests end, and send each part once; returns the outcomes."""
        jobs = {instance: value for name, instance, value in self.queued if name == "deliver_digest"}
        self.now = max([self.now, *(datetime.fromisoformat(job["ends"]) for job in jobs.values())])
        return [ended for job in jobs.values() for ended in self.send_digest(job, last=last)]

    def send_digest(self, job: dict[str, Any], *, last: bool = False) -> list[dict[str, Any]]:
        """Close a slot and send each part of its digest once; returns the outcomes."""
        with services.replaced_by(self.services()):
            parts = close_slot(job)["parts"]
            jobs = [{**job, "part": part, "parts": parts, "last": last} for part in range(parts)]
            return [_outcome(send_part(part)) for part in jobs]

    def outbox(self) -> list[OutboxMessage]:
        """The messages that were sent, the newest first."""
        return outbox.messages(self.blobs)[0].found

    def notices(self, *approvals_: str) -> list[Notice]:
        """The messages that were noted for these approvals."""
        return [
            notice for approval in approvals_ for notice in notices.of_approval(self.blobs, approval).found
        ]

    def states(self, *approvals_: str) -> set[tuple[str, str]]:
        """Person and state of each message of these approvals."""
        return {(person, notice.state) for notice in self.notices(*approvals_) for person in notice.to}


def send_once(job: dict[str, Any]) -> dict[str, Any]:
    """What the step of a message that goes out alone answers, in JSON as the host sees both."""
    return _run(send_notification.send_notification, job)


def close_slot(job: dict[str, Any]) -> dict[str, Any]:
    """What the step that closes a slot answers."""
    return _run(digest_steps.close_slot, job)


def send_part(job: dict[str, Any]) -> dict[str, Any]:
    """What the step that sends a part of a digest answers."""
    return _run(digest_steps.send_digest, job)


def _run(registered: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Run an activity as the worker does: its function takes and gives JSON."""
    return registered._function.get_user_function()(job)


def _outcome(ended: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in ended.items() if name != "until"}


def _no_checker() -> Any:
    raise AssertionError("messages need no checker")


class Dies(Exception):
    """The process died."""


@dataclasses.dataclass
class DyingBlobs:
    """Blobs whose process dies at call number `at`, right before it or right after."""

    blobs: MemoryBlobs
    at: int
    after: bool
    calls: Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.blobs, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            mine = next(self.calls)
            if mine == self.at and not self.after:
                raise Dies
            try:
                answer = call(*arguments, **options)
                return iter(list(answer)) if name == "list" else answer
            finally:
                if mine == self.at:
                    raise Dies

        return counted
