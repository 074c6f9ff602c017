"""A storage with invoices that were approved and booked, rejected, or booked without a person."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from activities import booking
from adapters import anchor_audit, services
from adapters.anchor_audit import AnchorProof
from adapters.ledger_audit import Audit
from adapters.services import Services
from adapters.settings import from_environment
from invoicing.approval import names
from invoicing.approval.ledger import Draft, Entry, chain, from_bytes, request_sha256, to_bytes
from invoicing.approval.signing import LedgerKeys
from invoicing.records.base import ApprovalId, InvoiceId, Reference
from invoicing.records.document import DocumentRow
from invoicing.records.invoice import InvoiceRecord
from invoicing.records.ledger import EntryDetail, Outcome
from invoicing.records.route import PACK, FreeDocument, InvoiceRoute, Pack
from stores import approval_names, ledger_anchors
from stores.invoices import InvoiceStore, record_name
from stores.payables import payable_name
from stores.routes import RouteStore
from tests.fakes.ledger_keys import LEDGER_KEY, LEDGER_KEYS
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from tests.unit.approvals_on_paper import ANN, NOON, add_entries, put_approval
from tests.unit.report_rows import row
from usecases.find_route import NotRouted, route_of

BATCH = "b" + "7" * 24
LATER = "2026-05-04T13:00:00+00:00"


def plain(builder: Any) -> Callable[[Any], Any]:
    """The function behind a decorated activity."""
    return builder._function.get_user_function()


class Books:
    """Blobs in memory, and the steps that fill them as the app does."""

    def __init__(self, **environment: str) -> None:
        self.blobs = MemoryBlobs()
        self.environment = {"AzureWebJobsStorage": "unused", "SETTLE_LEDGER_KEY": LEDGER_KEY} | environment
        self.waited: list[float] = []

    @property
    def services(self) -> Services:
        """The app's services on these blobs."""
        settings = from_environment(self.environment)
        return Services(settings, self.blobs, SayingChecker)

    def call(self, activity: Any, job: dict[str, Any]) -> dict[str, Any]:
        """Run an activity."""
        with services.replaced_by(self.services):
            return plain(activity)(job)

    # ------------------------------------------------------------ what happens

    def open(self, n: int = 1) -> str:
        """An approval that waits for Ann or Bob; returns its id."""
        return put_approval(self.blobs, row(n))

    def decided(self, n: int, kind: str = "approve", outcome: Outcome = "approved") -> str:
        """An approval that was decided and closed."""
        approval = self.open(n)
        decision = Draft(kind=cast(Any, kind), at=LATER, stage="clerk", who=ANN, comment="because")
        closed = Draft(kind="closed", at=LATER, key="closed", detail=EntryDetail(outcome=outcome))
        add_entries(self.blobs, approval, decision, closed)
        self.blobs.delete(approval_names.inbox(approval))
        return approval

    def booked(self, n: int = 1) -> str:
        """An approval that was approved and booked."""
        approval = self.decided(n)
        self.route(self.ref(approval), approval)
        assert self.book(self.ref(approval)) == {"outcome": "ok"}
        return approval

    def free(self, n: int = 1) -> str:
        """An invoice that came alone and was booked without a person; returns its reference."""
        ref = InvoiceId(names.invoice_id(hashlib.sha256(str(n).encode()).hexdigest()))
        self.take_in(ref, row(n))
        self.route(ref, None)
        assert self.book(ref) == {"outcome": "ok"}
        return ref

    def take_in(self, ref: InvoiceId, checked: dict[str, Any]) -> None:
        """An invoice that came alone and was checked."""
        record = InvoiceRecord(
            id=ref,
            created=NOON,
            name=checked["name"],
            size=checked["size"],
            sha256=checked["sha256"],
            sender=None,
            fingerprint="f",
        )
        self.blobs.write(record_name(ref), record.as_json())
        InvoiceStore(self.blobs).put_row(ref, DocumentRow.model_validate(checked))

    def book(self, ref: str, now: str = LATER, **run: Any) -> dict[str, Any]:
        """Book one invoice; `approval`: the one that its run saw through, else that of the route."""
        approval = run["approval"] if "approval" in run else self._route_of(ref)
        return self.call(booking.book_payable, {"ref": ref, "approval": approval, "now": now})

    def _route_of(self, ref: str) -> str | None:
        try:
            return route_of(self.blobs, Reference(ref)).approval
        except NotRouted:
            return None

    def route(self, ref: str, approval: str | None) -> None:
        """What the policy said."""
        wanted = ApprovalId(approval) if approval else None
        route = InvoiceRoute(outcome="ok", rule="everything", approval=wanted, run="1")
        InvoiceStore(self.blobs).put_route(ref, route)

    def put_batch(self, documents: int) -> None:
        """A batch that was routed: nobody has to approve any of it."""
        store = RouteStore(self.blobs, BATCH)
        for number in range(-(-documents // PACK)):
            numbers = range(number * PACK + 1, min((number + 1) * PACK, documents) + 1)
            rows = [DocumentRow.model_validate(row(n)) for n in numbers]
            free = tuple(FreeDocument(rule="small", row=checked) for checked in rows)
            store.put_pack(number, Pack(documents=free))

    def book_pack(self, pack: int = 0, now: str = LATER) -> dict[str, Any]:
        """Book a pack of the batch."""
        return self.call(booking.book_pack, {"batch": BATCH, "pack": pack, "now": now})

    # ------------------------------------------------------------ what can be seen

    def ref(self, approval: str) -> str:
        """What an approval is about."""
        return json.loads(self.blobs.read(approval_names.request(approval)))["ref"]

    def entries(self, prefix: str) -> list[Entry]:
        """The ledger below a prefix."""
        return [from_bytes(self.blobs.read(name)) for name in self.blobs.names(prefix)]

    def flaws(self, keys: LedgerKeys = LEDGER_KEYS, **more: Any) -> list[tuple[str, str]]:
        """Where and what: everything that the audit finds."""
        audit = Audit(self.blobs, keys, wait=self.waited.append, **more)
        found = [(one.place, one.flaw.text) for one in audit.proofs() if one.flaw]
        return found + [(one.name, one.text) for one in audit.strays]

    # ------------------------------------------------------------ anchors

    def anchor(self, day: str, hour: int = 0) -> int | None:
        """The anchor of a day, as the timer takes it."""
        now = datetime.fromisoformat(f"{day}T{hour:02d}:20:00+00:00")
        return ledger_anchors.take(self.blobs, self.services.ledger_keys, now)

    def proof(self, keys: LedgerKeys = LEDGER_KEYS, **more: Any) -> AnchorProof:
        """What is known of the anchors."""
        return anchor_audit.prove(self.blobs, keys, **more)

    def all_flaws(self, keys: LedgerKeys = LEDGER_KEYS, **more: Any) -> list[str]:
        """Everything that the command finds, anchors first; `more` as `anchor_audit.prove`."""
        proof = self.proof(keys, **more)
        flaws = self.flaws(keys, anchored=proof.anchored)
        return proof.flaws + [f"{place}: {text}" for place, text in flaws]

    # ------------------------------------------------------------ what an attacker does

    def rewrite(self, approval: str, keys: LedgerKeys, **changes: Any) -> None:
        """Change the last decision and hash all anew, as somebody does who knows this code."""
        request = self.blobs.read(approval_names.request(approval))
        entries = self.entries(approval_names.ledger(approval))
        at = max(place for place, entry in enumerate(entries) if entry.kind in ("approve", "reject"))
        last: Entry | None = None
        for place, entry in enumerate(entries):
            own = {name: getattr(entry, name) for name in Draft.__dataclass_fields__}
            draft = Draft(**own)
            draft = replace(draft, **changes) if place == at else draft
            last = chain(draft, last, request_sha256(request), keys)
            self.blobs.write(approval_names.entry(approval, last.seq), to_bytes(last))

    def cut_off(self, approval: str, entries: int) -> None:
        """Remove the last entries and put the approval back into the inbox."""
        stored = self.blobs.names(approval_names.ledger(approval))
        for name in stored[len(stored) - entries :]:
            self.blobs.delete(name)
        self.blobs.write(approval_names.inbox(approval), b"{}", {"item": "{}"})

    def wipe(self, approval: str) -> None:
        """Remove an approval with its payable, and what else names it."""
        ref = self.ref(approval)
        for name in (*self.blobs.names(f"{approval_names.APPROVALS}{approval}/"), payable_name(ref)):
            self.blobs.delete(name)


__all__ = ["ANN", "BATCH", "LATER", "LEDGER_KEY", "LEDGER_KEYS", "NOON", "Books"]
