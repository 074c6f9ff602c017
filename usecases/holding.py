"""Legal holds: who holds a batch, a document of one, or an invoice, and why; and the end of it.

A hold is written first, and the tombstone is looked for then; a purge does it the other way round
(`usecases/purge_thing.py`). So either the purge sees the hold, or whoever holds is told that it is too late.
"""

from __future__ import annotations

from datetime import datetime

from invoicing.records.retention import Hold, HoldEvent
from invoicing.retention import names
from stores import holds, tombstones
from stores.blobs import Blobs
from usecases.archived import gone
from usecases.batch_status import read_batch
from usecases.invoice_status import read_invoice
from usecases.refusals import Misunderstood, NotNow, Unknown

#: Characters of who holds, and of the reason.
LONGEST_WHO, LONGEST_WHY = 254, 500

_TOO_LATE = "It was purged before the hold could be placed."


def place(blobs: Blobs, holdable: str, who: str, why: str, now: datetime) -> Hold:
    """Hold a thing; the same again changes nothing.

    Raises Misunderstood, Unknown, Gone where it is too late, and NotNow where that is not known yet.
    """
    thing = _thing(holdable)
    _check(who, why)
    if names.kind_of(thing) == "batch":
        read_batch(blobs, thing)
    else:
        read_invoice(blobs, thing)

    def placed(before: Hold) -> HoldEvent | None:
        last = before.events[-1] if before.events else None
        if last is not None and (last.kind, last.who, last.why) == ("placed", who, why):
            return None
        return HoldEvent(kind="placed", who=who, why=why, at=now)

    held = holds.change(blobs, holdable, placed)
    purged = tombstones.of(blobs, thing)
    if purged is not None and purged.stage == "marked":
        # The purge looks for holds after its mark: it will see this one, or it has looked already.
        text = "It is being purged just now, and the hold may still stop that. Hold it again in a minute."
        raise NotNow("being_purged", text)
    if purged is not None:
        late = HoldEvent(kind="ended", who=who, why=_TOO_LATE, at=now)
        holds.change(blobs, holdable, lambda before: late if before.is_held else None)
        raise gone(purged)
    return held


def end(blobs: Blobs, holdable: str, who: str, why: str, now: datetime) -> Hold:
    """End a hold; one that has ended stays as it is. Raises Misunderstood and Unknown."""
    _check(who, why)
    record(blobs, holdable)

    def ended(before: Hold) -> HoldEvent | None:
        return HoldEvent(kind="ended", who=who, why=why, at=now) if before.is_held else None

    return holds.change(blobs, holdable, ended)


def record(blobs: Blobs, holdable: str) -> Hold:
    """All holds of a thing, also those that have ended. Raises Misunderstood, and Unknown: never held."""
    _thing(holdable)
    found = holds.of(blobs, holdable)
    if found is None:
        raise Unknown("no_hold", "This was never held.")
    return found


def of_instance(blobs: Blobs, instance: str) -> list[Hold]:
    """What holds the batch or the invoice that a run belongs to; the run's id begins with that of it."""
    thing = instance[: names.LENGTH]
    return holds.on_thing(blobs, thing) if names.is_thing(thing) else []


def of_reference(blobs: Blobs, reference: str) -> list[Hold]:
    """What holds the invoice of a reference: itself, or its batch as a whole."""
    own = names.holdable_of(reference)
    thing = names.thing_of(own)
    found = holds.on_thing(blobs, thing) if thing else []
    return [hold for hold in found if hold.id in (own, thing)]


def _thing(holdable: str) -> str:
    thing = names.thing_of(holdable)
    if thing is None:
        text = (
            "What can be held is a batch (b…), a document of one (b…-17), or an invoice that came alone (i…)."
        )
        raise Misunderstood("bad_hold", text)
    return thing


def _check(who: str, why: str) -> None:
    if not who.strip() or len(who) > LONGEST_WHO:
        raise Misunderstood("who_missing", f"Say who holds it, in at most {LONGEST_WHO} characters.")
    if not why.strip() or len(why) > LONGEST_WHY:
        raise Misunderstood("why_missing", f"Say why, in at most {LONGEST_WHY} characters.")
