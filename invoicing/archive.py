"""A zip archive from outside, taken apart without trusting a word of it.

Two levels of trouble: an archive that is useless as a whole raises `BadArchive`, which the caller answers
with 4xx; a member that cannot be taken becomes an `Entry` with a finding, and the others go on. Sizes in
the headers are only used to refuse early: what is decompressed is counted again.
"""

import bisect
import contextlib
import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from invoicing import texts
from invoicing.findings import Finding, finding

MIB = 1024 * 1024
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_LEFT_BEHIND = {".ds_store", "thumbs.db", "desktop.ini"}
_LOCAL_HEADER = 30  # bytes before a member's name and content
_RECORD = 46  # bytes of a member's record in the directory before its name
_RECORD_OFFSET = 42  # where in it the member's place stands
_READABLE_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True)
class Limits:
    """What one archive may hold; sizes in bytes after decompression.

    ``max_ratio`` is how often a member may be larger than its compressed form; members up to ``ratio_from``
    bytes are exempt, as short repetitive files reach any ratio and harm nobody. It holds for the archive as
    a whole, too, from ``total_ratio_from`` bytes on: many short ones do harm.
    """

    max_document: int = 20 * MIB
    max_documents: int = 20_000
    max_total: int = 1024 * MIB
    max_ratio: int = 200
    ratio_from: int = MIB
    total_ratio_from: int = 64 * MIB
    max_name: int = 400


DEFAULT_LIMITS = Limits()


class BadArchive(Exception):
    """The archive as a whole cannot be taken: ``code`` for programs, ``text`` for people, HTTP ``status``."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


@dataclass(frozen=True)
class Entry:
    """A document of a batch as it came: its content, or the finding that says why it was not taken.

    ``size`` is the number of bytes, as far as it is known (of a refused member: what its header claims).
    """

    name: str
    content: bytes | None
    size: int
    finding: Finding | None = None


@dataclass(frozen=True)
class Place:
    """Where a document lies in its zip: its bytes, and its record in the directory; each with a length."""

    start: int
    length: int
    record: int
    record_length: int


class Archive:
    """An open zip and its documents, in the order of its directory, to be read in any order.

    Folders and the files that desktops leave behind (``__MACOSX/``, ``.DS_Store``, ``Thumbs.db``) are left
    out. The file has to stay open.
    """

    def __init__(self, file: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> None:
        """Read the directory.

        Raises `BadArchive` when the file is not a zip (400), holds no document (400) or files that share
        bytes (400), holds too many, or declares more bytes than allowed in total (413).
        """
        self._limits = limits
        self._file = file
        self._zip = _open(file, limits)
        _check_overlap(self._zip)
        end = file.seek(0, 2)
        self._members = _documents(self._zip, end, limits)
        self._bounds = sorted({member.header_offset for member in self._zip.infolist()} | {end})

    def __len__(self) -> int:
        return len(self._members)

    def announced(self, index: int) -> Entry:
        """What the directory says of a document: an entry without content, and with a finding where the
        directory alone is reason enough not to take it.
        """
        member = self._members[index]
        shown = _shown(_name(member), self._limits)
        reason = _refusal(_name(member), member, self._limits)
        return _refuse(shown, member.file_size, *reason) if reason else Entry(shown, None, member.file_size)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Where in the file documents ``first`` to ``last`` lie, both included: from its start to its end.

        What lies between them is part of it: much, where the directory has another order than the file.
        """
        offsets = [member.header_offset for member in self._members[first : last + 1]]
        after = bisect.bisect_right(self._bounds, max(offsets))
        return min(offsets), self._bounds[min(after, len(self._bounds) - 1)]

    def places(self) -> list[Place]:
        """Where each document lies, so that `lone_archive` can read it without the directory."""
        records = dict(zip(map(id, self._zip.infolist()), self._records(), strict=True))
        places: list[Place] = []
        for index, member in enumerate(self._members):
            start, end = self.span(index, index)
            # What lies behind it may be long, and is nobody's.
            longest = _LOCAL_HEADER + 2 * 0xFFFF + member.compress_size
            record, record_length = records[id(member)]
            places.append(Place(start, min(end - start, longest), record, record_length))
        return places

    def _records(self) -> Iterator[tuple[int, int]]:
        """Where the record of each member begins in the directory, and how long it is."""
        begin = self._zip.start_dir
        self._file.seek(begin)
        directory = self._file.read()
        at = 0
        for _ in self._zip.infolist():
            length = _RECORD + sum(struct.unpack_from("<3H", directory, at + 28))
            yield begin + at, length
            at += length

    def read(self, index: int) -> Entry:
        """Read a document; one that cannot be taken is an entry with a finding."""
        return _read(self._zip, self._members[index], self._limits)


def lone_archive(content: bytes, record: bytes, limits: Limits = DEFAULT_LIMITS) -> Archive:
    """A zip of one document, out of its bytes and its record in the directory of a larger zip (`Place`).

    Raises `BadArchive` where these do not belong together.
    """
    moved = record[:_RECORD_OFFSET] + bytes(4) + record[_RECORD_OFFSET + 4 :]
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(moved), len(content), 0)
    return Archive(io.BytesIO(content + moved + end), limits)


def loose_entry(name: str, content: bytes, limits: Limits = DEFAULT_LIMITS) -> Entry:
    """Return the entry of a document that came by itself, under the limits of a zip's member."""
    shown = _shown(name, limits)
    if len(content) > limits.max_document:
        return oversized_entry(name, len(content), limits)
    return _entry(shown, content)


def oversized_entry(name: str, size: int, limits: Limits = DEFAULT_LIMITS) -> Entry:
    """Return the entry of a document that is too large to be fetched at all."""
    return _refuse(_shown(name, limits), size, "SETTLE-FILE-TOO-LARGE", _too_large(size, limits))


def _open(file: BinaryIO, limits: Limits) -> zipfile.ZipFile:
    try:
        _check_directory(file, limits)
        return zipfile.ZipFile(file)
    except UnicodeDecodeError as error:
        raise BadArchive("not_a_zip", "A file name in the zip says it is UTF-8 and is not.") from error
    except _DAMAGE as error:
        raise BadArchive("not_a_zip", f"This is not a complete zip archive: {error}.") from error


def _check_directory(file: BinaryIO, limits: Limits) -> None:
    """Refuse a directory with too many entries before an object is made of each of them."""
    end = file.seek(0, 2)
    start = max(0, end - 65_557)  # the end record's 22 bytes and the longest comment
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        raise zipfile.BadZipFile("its directory is missing")
    (size,) = struct.unpack_from("<L", tail, at + 12)
    position = start + at
    if at >= 76 and tail[at - 20 : at - 16] == b"PK\x06\x07":  # zip64: the true size is in a record before
        (size,) = struct.unpack_from("<Q", tail, at - 76 + 40)
        position -= 76
    file.seek(max(0, position - size))
    # Folders and desktop files are not documents, hence the factor: it bounds memory, the exact check is
    # later.
    most = 3 * limits.max_documents
    if size > most * (46 + limits.max_name) or file.read(size).count(b"PK\x01\x02") > most:
        raise _too_many(limits)


def _check_overlap(archive: zipfile.ZipFile) -> None:
    """Refuse members that share bytes: a zip of 46 KB can hold one content 1,000 times.

    So what is compressed is never more than the file has. Python sees it too, from 3.11.8 on.
    """
    members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    ends = [*(member.header_offset for member in members[1:]), archive.start_dir]
    for member, end in zip(members, ends, strict=False):
        if member.header_offset + _LOCAL_HEADER + member.compress_size > end:
            text = "Files in the zip share the same bytes. Make the zip anew and send it again."
            raise BadArchive("overlapping_files", text)


def _documents(archive: zipfile.ZipFile, size: int, limits: Limits) -> list[zipfile.ZipInfo]:
    members = [member for member in archive.infolist() if not _left_out(member)]
    if not members:
        raise BadArchive("empty_zip", "The zip holds no file. Put the invoices into it and send it again.")
    if len(members) > limits.max_documents:
        raise _too_many(limits)
    total = sum(member.file_size for member in members)
    if total > limits.max_total:
        text = (
            f"The files in the zip have more than {_megabytes(limits.max_total)} together. Send several zips."
        )
        raise BadArchive("archive_too_large", text, 413)
    if total > max(limits.total_ratio_from, limits.max_ratio * size):
        text = f"The files in the zip unpack to over {limits.max_ratio} times its size. Send several zips."
        raise BadArchive("archive_ratio", text, 413)
    return members


def _too_many(limits: Limits) -> BadArchive:
    text = f"The zip holds more than {limits.max_documents:,} files. Send several zips."
    return BadArchive("too_many_documents", text, 413)


def _left_out(member: zipfile.ZipInfo) -> bool:
    *folders, last = _name(member).lower().split("/")
    return not last or last in _LEFT_BEHIND or last.startswith("._") or "__macosx" in folders


def _name(member: zipfile.ZipInfo) -> str:
    """Return a member's name with forward slashes, decoded as UTF-8 where it is UTF-8 without saying so."""
    name = member.filename
    if not member.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):  # else it truly is code page 437, as the format says
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _shown(name: str, limits: Limits) -> str:
    return texts.cleaned(name.replace("\\", "/"), limits.max_name) or "(no name)"


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits) -> Entry:
    name = _name(member)
    shown = _shown(name, limits)
    reason = _refusal(name, member, limits)
    if reason:
        return _refuse(shown, member.file_size, *reason)
    try:
        with archive.open(member) as stream:
            # One byte more than declared, so that a longer content shows.
            content = stream.read(member.file_size + 1)
    except _DAMAGE as error:
        return _refuse(shown, member.file_size, "SETTLE-ZIP-DAMAGED", f"The zip is damaged here: {error}.")
    if len(content) != member.file_size:
        text = f"The zip is damaged here: {member.file_size} bytes announced, {len(content)} found."
        return _refuse(shown, len(content), "SETTLE-ZIP-DAMAGED", text)
    return _entry(shown, content)


def _refusal(name: str, member: zipfile.ZipInfo, limits: Limits) -> tuple[str, str] | None:
    """Return (rule, text) of what the directory alone says against a member."""
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        return "SETTLE-ZIP-PATH", "The path of this file leads out of the archive; the file was not taken."
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        return "SETTLE-ZIP-LINK", "This is a link to another file. Put the file itself into the zip."
    if member.flag_bits & 0x1:
        return "SETTLE-ZIP-ENCRYPTED", "This file is encrypted with a password. Send it without one."
    if member.compress_type not in _READABLE_METHODS:
        text = f"Compression method {member.compress_type} is not supported. Make the zip with deflate."
        return "SETTLE-ZIP-COMPRESSION", text
    if member.file_size > limits.max_document:
        return "SETTLE-FILE-TOO-LARGE", _too_large(member.file_size, limits)
    if member.file_size > limits.ratio_from and member.file_size > limits.max_ratio * member.compress_size:
        text = f"This file unpacks to more than {limits.max_ratio} times its size; it was not unpacked."
        return "SETTLE-ZIP-RATIO", text
    return None


def _entry(shown: str, content: bytes) -> Entry:
    if content.startswith(_ZIP_MAGIC):
        text = (
            "This is an archive or an office file inside the upload. Unpack it and send the invoices in it."
        )
        return _refuse(shown, len(content), "SETTLE-ZIP-NESTED", text)
    return Entry(shown, content, len(content))


def _too_large(size: int, limits: Limits) -> str:
    return f"The file has {_megabytes(size)}; the limit is {_megabytes(limits.max_document)}."


def _megabytes(size: int) -> str:
    return f"{size / MIB:.1f}".removesuffix(".0") + " MiB"


def _refuse(shown: str, size: int, rule: str, text: str) -> Entry:
    return Entry(shown, None, size, finding(rule, text))
