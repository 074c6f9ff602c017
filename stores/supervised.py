"""Where the supervisor keeps what it knows: the work under way (`open/`), and runs that failed (`cases/`)."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import TypeAdapter

from invoicing.records.supervision import Case, OpenWork
from stores import records
from stores.blobs import BlobMissing, Blobs
from stores.records import Record

_OPEN = "open/"
_CASES = "cases/"

_WORK = TypeAdapter(OpenWork)
_CASE = TypeAdapter(Case)


def note(blobs: Blobs, work: OpenWork) -> None:
    """Keep what an instance stands for, before it is started. Raises StorageError."""
    blobs.write(_open(work.instance), work.as_json())


def forget(blobs: Blobs, instance: str) -> None:
    """The work of an instance is finished."""
    blobs.delete(_open(instance))


def is_noted(blobs: Blobs, instance: str) -> bool:
    """Say whether an instance has work that is not finished."""
    return blobs.exists(_open(instance))


def instances_under_way(blobs: Blobs) -> list[str]:
    """The instances whose work was noted and not forgotten; one listing, no blob is read."""
    return [blob.name.removeprefix(_OPEN).removesuffix(".json") for blob in blobs.list(_OPEN)]


def instances_with_cases(blobs: Blobs) -> list[str]:
    """The instances that have a case which is neither settled nor closed; a damaged one counts."""
    return _with_cases(blobs, _CASES)


def has_work(blobs: Blobs, beginning: str) -> bool:
    """Say whether an instance whose id begins so has work noted, or a case that nobody has closed."""
    is_noted = any(True for _ in blobs.list(f"{_OPEN}{beginning}"))
    return is_noted or bool(_with_cases(blobs, f"{_CASES}{beginning}"))


def _with_cases(blobs: Blobs, prefix: str) -> list[str]:
    names = [blob.name for blob in blobs.list(prefix)]
    listed = records.each(names, lambda name: _read(blobs, _CASE, name))
    damaged = [name.removeprefix(_CASES).removesuffix(".json") for name in listed.damaged]
    return damaged + [case.instance for case in listed.found if case.closed is None]


def work_under_way(blobs: Blobs) -> Iterator[OpenWork]:
    """All work that was noted and not forgotten. One that cannot be read is logged and left out."""
    names = [blob.name for blob in blobs.list(_OPEN)]
    yield from records.each(names, lambda name: _read(blobs, _WORK, name)).found


def work_of(blobs: Blobs, instance: str) -> OpenWork | None:
    """What was noted for an instance; None where nothing was, or it cannot be read, which is logged."""
    return next(iter(records.each([_open(instance)], lambda name: _read(blobs, _WORK, name)).found), None)


def case_of(blobs: Blobs, instance: str) -> Case | None:
    """The case of an instance; None where there is none, or it cannot be read, which is logged."""
    return next(iter(records.each([_case(instance)], lambda name: _read(blobs, _CASE, name)).found), None)


def cases(blobs: Blobs) -> list[Case]:
    """All cases that are not settled, the oldest failure first. One that cannot be read is logged."""
    names = [blob.name for blob in blobs.list(_CASES)]
    found = records.each(names, lambda name: _read(blobs, _CASE, name)).found
    return sorted(found, key=lambda case: (case.failed, case.instance))


def keep(blobs: Blobs, case: Case) -> None:
    """Write a case over what was known of it. Raises StorageError."""
    blobs.write(_case(case.instance), case.as_json())


def settle(blobs: Blobs, instance: str) -> None:
    """Forget a case."""
    blobs.delete(_case(instance))


def _open(instance: str) -> str:
    return f"{_OPEN}{instance}.json"


def _case(instance: str) -> str:
    return f"{_CASES}{instance}.json"


def _read(blobs: Blobs, kind: TypeAdapter[Record], name: str) -> Record | None:
    """One record; None where it was removed meanwhile. Raises RecordDamaged."""
    try:
        return records.from_json(kind, name, blobs.read(name))
    except BlobMissing:
        return None
