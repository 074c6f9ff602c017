"""Documents travel in packs: a chunk is up to 50 documents that one activity reads at once.

What came as a zip is such a pack already: a chunk is a part of it (`plan`). What lay in a container, blob by
blob, is packed into small zips (`pack`). These are stored, not compressed: packing and reading 1,000
documents of 8 KB takes 24 ms of processor time against 55 ms with the lightest deflate, for 8 MB against 2 MB
that live as long as the batch.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from invoicing.archive import MIB, Entry
from invoicing.outcomes import refused_row
from invoicing.records.batch import PackedDocument, PackIndex
from invoicing.records.document import DocumentRow

MAX_DOCUMENTS = 50
MAX_BYTES = 4 * MIB
_INDEX = "index.json"


@dataclass(frozen=True)
class Chunk:
    """A pack of documents with consecutive numbers, ``first_n`` to ``last_n``.

    ``data`` is a zip with a member per document, named ``000017`` after n, that holds the bytes as they came,
    and ``index.json`` (a `PackIndex`), so that a chunk explains itself.
    """

    index: int
    first_n: int
    documents: list[PackedDocument]
    refused: list[DocumentRow]
    data: bytes

    @property
    def last_n(self) -> int:
        """The number of the last document, taken or refused."""
        return self.first_n + len(self.documents) + len(self.refused) - 1


def pack(
    entries: Iterable[Entry], max_documents: int = MAX_DOCUMENTS, max_bytes: int = MAX_BYTES, first_n: int = 1
) -> Iterator[Chunk]:
    """Number the entries from ``first_n`` and yield them in chunks, with one chunk in memory at a time.

    A chunk has at most ``max_documents`` entries and ``max_bytes`` of content; a single document that is
    larger makes a chunk of its own. Equal entries make equal bytes, so a repeated activity writes the same
    blob.
    """
    open_chunk = _OpenChunk(0, first_n)
    for n, entry in enumerate(entries, start=first_n):
        if open_chunk.is_full_for(entry, max_documents, max_bytes):
            yield open_chunk.close()
            open_chunk = _OpenChunk(open_chunk.index + 1, n)
        open_chunk.add(n, entry)
    if open_chunk.count:
        yield open_chunk.close()


def plan(
    sizes: Iterable[int | None], max_documents: int = MAX_DOCUMENTS, max_bytes: int = MAX_BYTES
) -> list[tuple[int, int]]:
    """Divide documents as `pack` does, by their sizes alone (None: it is not taken).

    Returns the numbers of each chunk's first and last document, from 1.
    """
    bounds: list[tuple[int, int]] = []
    n = 0
    first = 1
    holds_any = False
    content_bytes = 0
    for n, size in enumerate(sizes, start=1):
        too_many = n - first >= max_documents
        too_large = holds_any and content_bytes + (size or 0) > max_bytes
        if too_many or too_large:
            bounds.append((first, n - 1))
            first = n
            holds_any = False
            content_bytes = 0
        holds_any = holds_any or size is not None
        content_bytes += size or 0
    return [*bounds, (first, n)] if n else bounds


@dataclass(frozen=True)
class Document:
    """One document out of a chunk."""

    n: int
    name: str
    content: bytes


@dataclass(frozen=True)
class ChunkContent:
    """A chunk, read back: its documents and the result rows of those that were refused.

    Both in order of n.
    """

    documents: list[Document]
    refused: list[DocumentRow]

    @property
    def numbers(self) -> list[int]:
        """The numbers of all its documents, taken or refused, in order."""
        return sorted([*(document.n for document in self.documents), *(row.n for row in self.refused)])


def read_chunk(data: bytes, first: int | None = None, last: int | None = None) -> ChunkContent:
    """Read a chunk, or what it holds with first <= n <= last."""

    def wanted(n: int) -> bool:
        return (first is None or first <= n) and (last is None or n <= last)

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        index = PackIndex.model_validate_json(archive.read(_INDEX))
        documents = [
            Document(packed.n, packed.name, archive.read(_member(packed.n)))
            for packed in index.documents
            if wanted(packed.n)
        ]
    return ChunkContent(documents, [row for row in index.refused if wanted(row.n)])


def halves(first: int, last: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Split first..last, both included, in two: how the one document that kills its worker is found.

    Raises ValueError for a range of one document, which cannot be split: that one is to be set aside.
    """
    if last <= first:
        raise ValueError(f"the range {first}..{last} cannot be split")
    middle = (first + last) // 2
    return (first, middle), (middle + 1, last)


def _member(n: int) -> str:
    return f"{n:06d}"


@dataclass
class _OpenChunk:
    index: int
    first_n: int
    documents: list[PackedDocument] = field(default_factory=list[PackedDocument])
    refused: list[DocumentRow] = field(default_factory=list[DocumentRow])
    content_bytes: int = 0

    def __post_init__(self) -> None:
        self._buffer = io.BytesIO()
        self._zip = zipfile.ZipFile(self._buffer, "w", zipfile.ZIP_STORED)

    @property
    def count(self) -> int:
        return len(self.documents) + len(self.refused)

    def is_full_for(self, entry: Entry, max_documents: int, max_bytes: int) -> bool:
        too_many = self.count >= max_documents
        too_large = bool(self.documents) and self.content_bytes + len(entry.content or b"") > max_bytes
        return too_many or too_large

    def add(self, n: int, entry: Entry) -> None:
        if entry.finding is not None:
            self.refused.append(refused_row(n, entry.name, entry.size, entry.finding))
            return
        content = entry.content or b""
        digest = hashlib.sha256(content).hexdigest()
        self.documents.append(PackedDocument(n=n, name=entry.name, size=len(content), sha256=digest))
        self.content_bytes += len(content)
        # A ZipInfo made by hand carries the date 1980-01-01, not now.
        self._zip.writestr(zipfile.ZipInfo(_member(n)), content)

    def close(self) -> Chunk:
        index = PackIndex(documents=tuple(self.documents), refused=tuple(self.refused))
        self._zip.writestr(zipfile.ZipInfo(_INDEX), index.as_json())
        self._zip.close()
        return Chunk(self.index, self.first_n, self.documents, self.refused, self._buffer.getvalue())
