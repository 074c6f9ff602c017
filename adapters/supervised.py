"""Where the supervisor keeps what it knows: the work under way (`open/`), and runs that failed (`cases/`)."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from pydantic import ValidationError

from adapters.blobs import BlobMissing, Blobs
from invoicing.supervision import Case, OpenWork

_OPEN = "open/"
_CASES = "cases/"


def note(blobs: Blobs, work: OpenWork) -> None:
    """Keep what an instance stands for, before it is started. Raises StorageError."""
    blobs.write(f"{_OPEN}{work.instance}.json", work.model_dump_json().encode())


def forget(blobs: Blobs, instance: str) -> None:
    """The work of an instance is finished."""
    blobs.delete(f"{_OPEN}{instance}.json")


def work_under_way(blobs: Blobs) -> Iterator[OpenWork]:
    """All work that was noted and not forgotten. One that cannot be read is logged and left out."""
    for blob in blobs.list(_OPEN):
        with contextlib.suppress(BlobMissing):  # it was forgotten since the listing
            try:
                yield OpenWork.model_validate_json(blobs.read(blob.name))
            except ValidationError as error:
                logging.warning("%s cannot be read: %s", blob.name, error.errors()[0]["msg"])


def case_of(blobs: Blobs, instance: str) -> Case | None:
    """The case of an instance, where there is one."""
    try:
        return _case(f"{_CASES}{instance}.json", blobs.read(f"{_CASES}{instance}.json"))
    except BlobMissing:
        return None


def cases(blobs: Blobs) -> list[Case]:
    """All cases that are not settled, the oldest failure first."""
    found = []
    for blob in blobs.list(_CASES):
        with contextlib.suppress(BlobMissing):  # it was settled since the listing
            case = _case(blob.name, blobs.read(blob.name))
            if case is not None:
                found.append(case)
    return sorted(found, key=lambda case: (case.failed, case.instance))


def keep(blobs: Blobs, case: Case) -> None:
    """Write a case over what was known of it. Raises StorageError."""
    blobs.write(f"{_CASES}{case.instance}.json", case.model_dump_json().encode())


def settle(blobs: Blobs, instance: str) -> None:
    """Forget a case."""
    blobs.delete(f"{_CASES}{instance}.json")


def _case(name: str, data: bytes) -> Case | None:
    try:
        return Case.model_validate_json(data)
    except ValidationError as error:
        logging.warning("%s cannot be read: %s", name, error.errors()[0]["msg"])
        return None
