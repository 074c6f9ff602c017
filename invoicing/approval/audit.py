"""Proof of a ledger: the chain is whole, and nobody decided who was not allowed to."""

from __future__ import annotations

import json
from collections.abc import Sequence

from invoicing.approval import ledger, stages
from invoicing.approval.ledger import DECISIONS, Entry, Flaw
from invoicing.approval.policy import Stage
from invoicing.approval.stages import DecisionRefused


def prove(request: bytes, stored: Sequence[tuple[int, bytes]]) -> Flaw | None:
    """The first flaw of a ledger, None where there is none; arguments as `ledger.verify`.

    After the chain, the decisions: each one is held against the rules on the entries before it. That somebody
    stood in for another is taken from the entry, as absences are not kept.
    """
    flaw = ledger.verify(request, stored)
    if flaw is not None:
        return flaw
    asked = json.loads(request)
    state = stages.progress([Stage.from_dict(one) for one in asked["stages"]], [])
    for _, data in stored:
        entry = ledger.from_bytes(data)
        if entry.kind in DECISIONS and (why := _unlawful(state, entry, asked["sender"])):
            return Flaw(entry.seq, f"entry {entry.seq} must not be: {why}")
        state = stages.after(state, entry)
    return None


def _unlawful(state: stages.Progress, entry: Entry, sender: str | None) -> str | None:
    who, place = entry.who or "", entry.on_behalf_of
    try:
        allowed = stages.check_decision(
            state,
            stage=entry.stage or "",
            who=who,
            decision=entry.kind,
            comment=entry.comment,
            sender=sender,
            stand_ins={place: (who,)} if place else {},
            link_id=entry.link_id,
        )
    except DecisionRefused as refused:
        return f"{who}: {refused.code}"
    return None if allowed == (place or who) else f"{who} did not decide in the place of {place}"
