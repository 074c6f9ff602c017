"""Checks of suppliers: the one that was begun last for each, and what each service said."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from invoicing.records.supplier_checks import ServiceAnswer, SupplierCheck, SupplierIdentity
from stores import records
from stores.blobs import BlobConflict, BlobMissing, Blobs

_CHECK = TypeAdapter(SupplierCheck)
_ANSWER = TypeAdapter(ServiceAnswer)

#: A check that has not ended so long after its time is given up: another one may be begun.
GIVEN_UP = timedelta(hours=1)


def begin(
    blobs: Blobs, supplier: SupplierIdentity, services: tuple[str, ...], asked: datetime, until: datetime
) -> SupplierCheck:
    """Begin a check, unless one is under way; returns the one that is. There is one for a supplier at a time.

    Raises RecordDamaged.
    """
    name = _check_name(supplier.key)
    check = SupplierCheck(number=1, identity=supplier, services=services, asked=asked, until=until)
    try:
        blobs.create(name, check.as_json())
    except BlobConflict:
        pass
    else:
        return check

    data, etag = blobs.read_with_etag(name)
    before = records.from_json(_CHECK, name, data)
    if is_open(before, asked):
        return before
    check = check.model_copy(update={"number": before.number + 1})
    try:
        blobs.replace(name, check.as_json(), etag)
    except BlobConflict:  # another was quicker, a moment ago
        return records.from_json(_CHECK, name, blobs.read(name))
    return check


def is_open(check: SupplierCheck, now: datetime) -> bool:
    """Whether a check is under way, and not given up."""
    return check.finished is None and now < check.until + GIVEN_UP


def check_of(blobs: Blobs, key: str) -> SupplierCheck | None:
    """The check that was begun last for a supplier's key; None where there was none. Raises RecordDamaged."""
    name = _check_name(key)
    try:
        return records.from_json(_CHECK, name, blobs.read(name))
    except BlobMissing:
        return None


def finish(blobs: Blobs, key: str, number: int, at: datetime) -> None:
    """Note that a check has come to its end; one that is not the last any more is left alone."""
    name = _check_name(key)
    data, etag = blobs.read_with_etag(name)
    check = records.from_json(_CHECK, name, data)
    if check.number != number or check.finished is not None:
        return
    blobs.replace(name, check.model_copy(update={"finished": at}).as_json(), etag)


def keep(blobs: Blobs, key: str, answer: ServiceAnswer) -> None:
    """Keep what a service said, over what it said before."""
    blobs.write(_answer_name(key, answer.service), answer.as_json())


def answers(blobs: Blobs, key: str, services: Iterable[str], now: datetime) -> dict[str, ServiceAnswer]:
    """By service what counts at a moment: it was said before, and not too long ago. Raises RecordDamaged."""
    found = {service: answer_of(blobs, key, service) for service in services}
    return {service: one for service, one in found.items() if one is not None and one.at <= now < one.until}


def answer_of(blobs: Blobs, key: str, service: str) -> ServiceAnswer | None:
    """What a service said last, whether it still counts or not; None where it said nothing."""
    name = _answer_name(key, service)
    try:
        return records.from_json(_ANSWER, name, blobs.read(name))
    except BlobMissing:
        return None


def _check_name(key: str) -> str:
    return f"supplier-checks/{key}/check.json"


def _answer_name(key: str, service: str) -> str:
    return f"supplier-checks/{key}/answers/{service}.json"
