"""The archive record of a batch, or of an invoice that came alone: everything that matters, in one JSON file.

What is stored is JSON already, so it goes into the record as it is, byte for byte: an entry of a ledger can
be proved from the archive as from the storage. It is written through a file, since a batch of 20,000
documents has 30 MB of rows.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import IO

from pydantic import TypeAdapter

from invoicing.approval.ledger import BadEntry, from_bytes
from invoicing.records.retention import ArchivedFile, KeptFor
from invoicing.records.route import DocumentRoute, RoutePage
from invoicing.retention import names
from invoicing.retention.terms import MESSAGES_ARE_OVER
from stores import approval_names, archives, notices, records, things
from stores.blobs import BlobMissing, Blobs
from stores.records import RecordDamaged
from stores.things import Folder

#: The version of the records' form: a reader looks at it first.
SCHEMA = 1

#: Approvals that are read at the same time, and how many of them memory holds then.
_AT_ONCE, _WINDOW = 16, 64
_PAGE = TypeAdapter(RoutePage)
_ROUTE = TypeAdapter(DocumentRoute)
_SETTLED = "settled/"
# The records of a folder that go into an archive record as they are, by the name of the field.
_SINGLE = {
    "record": ("batch.json", "invoice.json"),
    "manifest": ("manifest.json",),
    "totals": ("totals.json",),
    "routing": ("routing/routing.json",),
    "result": ("result.json",),
    "route": ("route.json",),
}


class StillOpen(Exception):
    """Something of a thing is open after all; `why` says what."""

    def __init__(self, why: KeptFor) -> None:
        super().__init__(f"not archived: {why}")
        self.why: KeptFor = why


class _Object:
    """One JSON object, written to a file field by field."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._first = True

    def field(self, name: str, value: bytes) -> None:
        """A field with the JSON of its value."""
        self._begin(name)
        self._file.write(value)

    def list(self, name: str, values: Iterable[bytes]) -> None:
        """A field with a list, each entry on a line of its own."""
        self._begin(name)
        self._file.write(b"[")
        for place, value in enumerate(values):
            self._file.write((b",\n" if place else b"\n") + value)
        self._file.write(b"]")

    def _begin(self, name: str) -> None:
        self._file.write((b"{" if self._first else b",\n") + json.dumps(name).encode() + b":")
        self._first = False

    def end(self) -> None:
        """No more fields."""
        self._file.write(b"}\n")


@dataclass(frozen=True)
class Source:
    """What is archived: a thing, where it lies, and where its archive is."""

    blobs: Blobs
    archive: Blobs
    folder: Folder
    thing: str


def archive_thing(source: Source, documents: Iterable[ArchivedFile], now: datetime) -> ArchivedFile:
    """Write the record of a thing into the archive and read it back. Repeating it finds what is there.

    `documents`: what the archive has of its documents. Raises StillOpen, RecordDamaged, ArchiveDiffers, and
    what the storage raises.
    """
    with _record_file(source.blobs, source.folder, source.thing, documents, now) as file:
        return archives.keep_record(source.archive, source.thing, file)


def archive_documents(source: Source) -> tuple[ArchivedFile, ...]:
    """Copy the documents of a thing into the archive, as they came. Raises ArchiveDiffers."""
    kept: list[ArchivedFile] = []
    for blob in source.folder.documents:
        with archives.scratch() as copy:
            source.blobs.read_into(blob.name, copy)
            name = source.folder.short(blob.name)
            kept.append(archives.keep_document(source.archive, source.thing, name, copy))
    return tuple(kept)


@contextmanager
def _record_file(
    blobs: Blobs, folder: Folder, thing: str, documents: Iterable[ArchivedFile], now: datetime
) -> Generator[IO[bytes]]:
    there = {folder.short(blob.name): blob.name for blob in folder.blobs}
    approvals = approvals_of(blobs, folder, thing)
    with archives.scratch() as file:
        whole = _Object(file)
        whole.field("schema", str(SCHEMA).encode())
        whole.field("kind", json.dumps(names.kind_of(thing)).encode())
        whole.field("id", json.dumps(thing).encode())
        for field, shorts in _SINGLE.items():
            for short in shorts:
                if short in there:
                    whole.field(field, _json(there[short], blobs.read(there[short])))
        whole.list("rows", _rows(blobs, there))
        whole.list("routes", _route_lines(blobs, there))
        whole.list("settled", (json.dumps(mark).encode() for mark in _marks(there)))
        whole.list("approvals", _ahead(blobs, approvals, now))
        whole.list("bookings", _bookings(blobs, thing))
        payables = [blob.name for blob in things.payables_of(blobs, thing)]
        whole.list("payables", (_json(name, blobs.read(name)) for name in payables))
        whole.list("documents", (document.as_json() for document in documents))
        whole.end()
        yield file


def _marks(there: dict[str, str]) -> list[str]:
    """What became of the documents of a batch, as the names of the marks say it."""
    return [short.removeprefix(_SETTLED) for short in there if short.startswith(_SETTLED)]


def _rows(blobs: Blobs, there: dict[str, str]) -> Iterator[bytes]:
    """The final rows; those of the check where the batch never came to the final ones."""
    final = there.get("rows.ndjson")
    sources = [final] if final else [name for short, name in there.items() if short.startswith("results/")]
    for name in sources:
        with archives.scratch() as file:
            blobs.read_into(name, file)
            file.seek(0)
            yield from (_json(name, line.rstrip(b"\n")) for line in file)


def _route_pages(blobs: Blobs, there: dict[str, str]) -> Iterator[RoutePage]:
    for short, name in there.items():
        if short.startswith("routing/routes/"):
            yield records.from_json(_PAGE, name, blobs.read(name))


def _routes(blobs: Blobs, there: dict[str, str]) -> Iterator[DocumentRoute]:
    """What the policy said of each document: of one that waited for its goods, what it said afterwards."""
    for page in _route_pages(blobs, there):
        for route in page.routes:
            late = there.get(f"routing/late/{route.n:06d}.json")
            yield records.from_json(_ROUTE, late, blobs.read(late)) if late else route


def _route_lines(blobs: Blobs, there: dict[str, str]) -> Iterator[bytes]:
    return (route.as_json() for route in _routes(blobs, there))


def approvals_of(blobs: Blobs, folder: Folder, thing: str) -> list[str]:
    """The approvals of a thing; those of a batch stand in its routes, which are deleted last."""
    if names.kind_of(thing) == "invoice":
        return things.approvals_of_invoice(blobs, thing)
    there = {folder.short(blob.name): blob.name for blob in folder.blobs}
    return [route.approval for route in _routes(blobs, there) if route.approval]


def _ahead(blobs: Blobs, approvals: list[str], now: datetime) -> Iterator[bytes]:
    """The approvals in order, many read at the same time, and not more of them in memory than a window."""
    waiting = iter(approvals)

    def read(approval: str) -> bytes:
        return _approval(blobs, approval, now)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while some := list(islice(waiting, _WINDOW)):
            yield from pool.map(read, some)


def _approval(blobs: Blobs, approval: str, now: datetime) -> bytes:
    """One approval: request, the whole ledger with its signatures, and what was told to whom.

    Raises StillOpen.
    """
    request = approval_names.request(approval)
    ledger = [blob.name for blob in blobs.list(approval_names.ledger(approval))]
    told = [blob.name for blob in blobs.list(notices.blob_name(approval))]
    entries = [(name, blobs.read(name)) for name in ledger]
    messages = [(name, blobs.read(name)) for name in told]
    if entries and not any(_kind(name, data) == "closed" for name, data in entries):
        raise StillOpen("approval")
    for name, data in messages:
        notice = notices.from_json(name, data)
        if notice.state in ("queued", "retrying") and now - notice.created < MESSAGES_ARE_OVER:
            raise StillOpen("message")
    return _object_of(
        id=json.dumps(approval).encode(),
        request=_optional(blobs, request),
        ledger=_list_of(_json(*entry) for entry in entries),
        messages=_list_of(_json(*message) for message in messages),
    )


def _bookings(blobs: Blobs, thing: str) -> Iterator[bytes]:
    for unit, entries in things.booking_units(blobs, thing).items():
        ledger = _list_of(_json(name, blobs.read(name)) for name in entries)
        yield _object_of(unit=json.dumps(unit).encode(), ledger=ledger)


def _kind(name: str, data: bytes) -> str:
    try:
        return from_bytes(data).kind
    except BadEntry as error:
        raise RecordDamaged(name) from error


def _optional(blobs: Blobs, name: str) -> bytes:
    try:
        return _json(name, blobs.read(name))
    except BlobMissing:
        return b"null"


def _json(name: str, data: bytes) -> bytes:
    """Bytes that are JSON, as they are. Raises RecordDamaged."""
    try:
        json.loads(data)
    except ValueError as error:
        raise RecordDamaged(name) from error
    return data


def _list_of(values: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(values) + b"]"


def _object_of(**fields: bytes) -> bytes:
    return b"{" + b",".join(json.dumps(name).encode() + b":" + value for name, value in fields.items()) + b"}"
