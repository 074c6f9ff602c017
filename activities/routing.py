"""Route: what the policy asks for an invoice, written down once: a later policy changes nothing under way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import azure.durable_functions as df

from activities.routed import routes_of
from adapters import policies, services
from invoicing.approval import names
from invoicing.approval.facts import facts_of
from invoicing.approval.policy import Policy, Rule, Stage, can_be_filled
from invoicing.approval.suppliers import SupplierId, new_account, pay_to, standing
from invoicing.records.approval import ApprovalRequest, AskedDocument
from invoicing.records.base import ApprovalId, Reference, moment_of
from invoicing.records.document import DocumentRow
from stores import suppliers
from stores.approvals import ask
from stores.batches import BatchStore
from stores.blobs import BlobMissing, Blobs
from stores.ledgers import ApprovalMissing, Ledger
from stores.results import ResultStore

bp = df.Blueprint()

_WRITES_AT_ONCE = 8
#: Documents that wait for people are opened in windows of so many.
WINDOW = 50
#: Documents that nobody has to approve are booked in packs of so many.
PACK = 100


@bp.activity_trigger(input_name="job")
def route_invoice(job: dict) -> dict:
    """Apply the policy to an invoice that came alone.

    Input: `{"invoice", "run", "now": ISO time}`. Output: `{"outcome": "ok", "rule", "approval": id or None}`,
    or `{"outcome": "bad", "error"}` where the sender is the only one who could approve. Raises PolicyInvalid,
    which is waited for. Repeating it gives the same approval.
    """
    here, invoice = services.current(), job["invoice"]
    record = json.loads(here.blobs.read(names.invoice_record(invoice)))
    row = json.loads(here.blobs.read(names.invoice_result(invoice)))
    router = _Router(here.blobs, policies.load(here.settings), job["now"], record.get("sender"))
    route = router.route(invoice, row, {"ref": invoice})
    if route["outcome"] == "ok":
        stored = {**route, "run": job["run"]}
        here.blobs.write(names.invoice_route(invoice), json.dumps(stored, ensure_ascii=False).encode())
    return route


@bp.activity_trigger(input_name="job")
def stored_route(job: dict) -> dict:
    """What a run that was lost wrote down for an invoice: as `route_invoice`, or `{"outcome": "none"}`.

    Input: `{"invoice", "run"}`. The route of another run does not count: its approval may have ended.
    """
    try:
        route = json.loads(services.current().blobs.read(names.invoice_route(job["invoice"])))
    except BlobMissing:
        return {"outcome": "none"}
    return route if route["run"] == job["run"] else {"outcome": "none"}


@bp.activity_trigger(input_name="job")
def route_batch(job: dict) -> dict:
    """Apply the policy to the valid documents of a batch, duplicates left out.

    Input: `{"batch", "now", "sender", "again"?}`. Output: `{"outcome": "ok", "documents", "approvals",
    "windows", "packs", "unapprovable"}`: how many were routed, how many need a person, windows of these,
    packs of those that need none, and how many only their sender could approve. With `again`, what an earlier
    run wrote down stands. Raises PolicyInvalid, which is waited for.
    """
    here, batch = services.current(), job["batch"]
    if job.get("again") and here.blobs.exists(names.batch_routes(batch)):
        return _summary(list(routes_of(here.blobs, batch).values()))
    router = _Router(here.blobs, policies.load(here.settings), job["now"], job.get("sender"))
    manifest = BatchStore(here.blobs).manifest(batch)

    def route(row: dict[str, Any]) -> dict[str, Any]:
        where = {"ref": f"{batch}/{row['n']}", "chunk": manifest.chunk_of(row["n"])}
        return {"n": row["n"], **router.route(f"{batch}/{row['n']}", row, where)}

    with ThreadPoolExecutor(_WRITES_AT_ONCE) as pool:
        routes = list(pool.map(route, _payable_rows(here.blobs, batch)))
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in routes)
    waiting = [[one["n"], one["approval"]] for one in routes if one["outcome"] == "ok" and one["approval"]]
    windows = [waiting[first : first + WINDOW] for first in range(0, len(waiting), WINDOW)]
    for number, window in enumerate(windows):
        here.blobs.write(names.batch_window(batch, number), json.dumps(window).encode())
    here.blobs.write(names.batch_routes(batch), lines.encode())
    return _summary(routes)


def _summary(routes: list[dict[str, Any]]) -> dict[str, Any]:
    free = sum(one["outcome"] == "ok" and one["approval"] is None for one in routes)
    waiting = sum(one["outcome"] == "ok" and one["approval"] is not None for one in routes)
    return {
        "outcome": "ok",
        "documents": len(routes),
        "approvals": waiting,
        "windows": -(-waiting // WINDOW),
        "packs": -(-free // PACK),
        "unapprovable": sum(one["outcome"] == "bad" for one in routes),
    }


def _payable_rows(blobs: Blobs, batch: str) -> Iterator[dict[str, Any]]:
    with ResultStore(blobs).final(batch) as rows:
        yield from (row.as_plain() for row in rows if row.outcome == "valid")


class _Router:
    """Routes documents by one policy; the accounts of each supplier are looked up once."""

    def __init__(self, blobs: Blobs, policy: Policy, now: str, sender: str | None) -> None:
        self._blobs, self._policy, self._now, self._sender = blobs, policy, now, sender
        self._approved: dict[SupplierId, frozenset[str]] = {}

    def route(self, ref: str, row: dict[str, Any], where: dict[str, Any]) -> dict[str, Any]:
        asked = pay_to(row)
        approved = {one: self._accounts_of(one) for one in asked.ids}
        found = standing(asked, approved)
        if found == "account_new":
            row = {**row, "findings": [*row["findings"], new_account(asked, approved).as_dict()]}
        facts = facts_of(row, supplier_known=found == "known")
        rule = self._policy.rule_for(facts)
        if not rule.stages:
            return {"outcome": "ok", "rule": rule.name, "approval": None}
        excluded = frozenset({self._sender} if self._sender else ())
        if not can_be_filled(rule.stages, excluded):
            return _unapprovable(rule)
        stages = [_without(stage, excluded) for stage in rule.stages]
        approval = self._free_approval(ref)
        document = {"name": row["name"], "sha256": row["sha256"], "kind": row["kind"], **where}
        request = ApprovalRequest(
            approval=ApprovalId(approval),
            ref=Reference(ref),
            created=moment_of(self._now),
            sender=self._sender,
            facts=facts,
            rule=rule.name,
            stages=tuple(stages),
            document=AskedDocument.model_validate(document),
            row=DocumentRow.model_validate(row),
        )
        ask(self._blobs, request)
        return {"outcome": "ok", "rule": rule.name, "approval": approval}

    def _accounts_of(self, supplier: SupplierId) -> frozenset[str]:
        if supplier not in self._approved:
            self._approved[supplier] = suppliers.accounts_of(self._blobs, supplier)
        return self._approved[supplier]

    def _free_approval(self, ref: str) -> str:
        """The id of the first approval of this document that has not ended: a later run gets a new one."""
        run = 1
        while True:
            approval = names.approval_id(ref, run)
            if not _has_ended(self._blobs, approval):
                return approval
            run += 1


def _has_ended(blobs: Blobs, approval: str) -> bool:
    try:
        if not blobs.exists(names.entry(approval, 1)):
            return False
        return Ledger.read(blobs, approval).state.closed
    except (ApprovalMissing, BlobMissing):
        return False


def _without(stage: Stage, excluded: frozenset[str]) -> Stage:
    """The stage for this sender: where too few are left, the next in line are asked from the beginning."""
    approvers = tuple(one for one in stage.approvers if one not in excluded)
    more = tuple(one for one in stage.escalate_to if one not in excluded)
    if len(approvers) < stage.quorum:
        approvers += tuple(one for one in more if one not in approvers)
    return replace(stage, approvers=approvers, escalate_to=more)


def _unapprovable(rule: Rule) -> dict[str, Any]:
    message = (
        f"The rule “{rule.name}” needs more approvers than there are beside the sender. "
        "Somebody else has to send the invoice in, or the policy needs another approver."
    )
    return {"outcome": "bad", "rule": rule.name, "error": {"code": "no_approver", "message": message}}
