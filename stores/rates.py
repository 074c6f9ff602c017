"""Exchange rates: a small blob for each day, written once, and how the last fetch went."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from pydantic import TypeAdapter

from invoicing.exchange.converting import counts
from invoicing.records.rates import RatesState, RateTable
from stores import records
from stores.blobs import BlobConflict, BlobMissing, Blobs

_TABLE = TypeAdapter(RateTable)
_STATE = TypeAdapter(RatesState)
_STATE_NAME = "rates/state.json"


def keep(blobs: Blobs, table: RateTable) -> bool:
    """Keep the rates of a day; says whether they are new. Those that came first stay: routes name them."""
    try:
        blobs.create(_name(table.day), table.as_json())
    except BlobConflict:
        return False
    return True


def has(blobs: Blobs, day: date) -> bool:
    """Say whether the rates of a day are stored."""
    return blobs.exists(_name(day))


def newest(blobs: Blobs, now: datetime, days: int) -> RateTable | None:
    """The newest rates that count at a moment and are at most so many days old.

    Every look at the same moment finds the same, whatever is stored later. Raises RecordDamaged.
    """
    for back in range(days + 1):
        name = _name(now.date() - timedelta(days=back))
        try:
            table = records.from_json(_TABLE, name, blobs.read(name))
        except BlobMissing:
            continue
        if counts(table, now):
            return table
    return None


def note(blobs: Blobs, state: RatesState) -> None:
    """Note how a fetch went."""
    blobs.write(_STATE_NAME, state.as_json())


def state(blobs: Blobs) -> RatesState | None:
    """How the last fetch went; None where there was none. Raises RecordDamaged."""
    try:
        return records.from_json(_STATE, _STATE_NAME, blobs.read(_STATE_NAME))
    except BlobMissing:
        return None


def _name(day: date) -> str:
    return f"rates/days/{day.isoformat()}.json"
