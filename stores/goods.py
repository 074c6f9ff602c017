"""Invoices that wait for their goods, or did: what is known of each, and the list of those that wait.

goods/{ref}.json     how it stands: since when, until when, the match as it was last made
awaited/{ref}        an empty mark while it waits; the slash of a reference is a hyphen here
index/goods/N-{ref}  an empty mark for one that has ended, the newest first
"""

from __future__ import annotations

from pydantic import TypeAdapter

from invoicing.records.base import Reference
from invoicing.records.goods import GoodsState
from stores import records
from stores.blobs import BlobMissing, Blobs
from stores.naming import newest_first
from stores.records import Listed

_AWAITED = "awaited/"
_ENDED = "index/goods/"
_STATE = TypeAdapter(GoodsState)


def state_of(blobs: Blobs, ref: str) -> GoodsState | None:
    """How an invoice stands; None where it never waited for goods. Raises RecordDamaged."""
    name = _name(ref)
    try:
        return records.from_json(_STATE, name, blobs.read(name))
    except BlobMissing:
        return None


def keep(blobs: Blobs, state: GoodsState) -> None:
    """Keep how an invoice stands. Before its record is closed, the list has it."""
    if state.ended is None:
        blobs.write(_AWAITED + _mark(state.ref), b"")
    blobs.write(_name(state.ref), state.as_json())
    if state.ended is not None:
        blobs.write(f"{_ENDED}{newest_first(state.at)}-{_mark(state.ref)}", b"")
        blobs.delete(_AWAITED + _mark(state.ref))


def waiting(blobs: Blobs, most: int = 200) -> tuple[Listed[GoodsState], int]:
    """Invoices that wait, those that began first at the top, and how many were left out."""
    names = [blob.name.removeprefix(_AWAITED) for blob in blobs.list(_AWAITED)]
    listed = records.each([_ref(name) for name in names[:most]], lambda ref: state_of(blobs, ref))
    open_ones = [state for state in listed.found if state.ended is None]
    return Listed(sorted(open_ones, key=lambda state: state.since), listed.damaged), len(names[most:])


def ended(blobs: Blobs, most: int = 20) -> Listed[GoodsState]:
    """The invoices that ended last."""
    found = blobs.page(_ENDED, most, None).blobs
    refs = [_ref(blob.name.removeprefix(_ENDED).partition("-")[2]) for blob in found]
    return records.each(dict.fromkeys(refs), lambda ref: state_of(blobs, ref))


def _name(ref: str) -> str:
    return f"goods/{ref}.json"


def _mark(ref: str) -> str:
    return ref.replace("/", "-")


def _ref(mark: str) -> Reference:
    return Reference(mark.replace("-", "/"))
