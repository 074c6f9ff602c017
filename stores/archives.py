"""The archive: blobs that are written once, read back and compared before anything is deleted for them.

The name of a record has a part of its hash. So another record of the same thing never replaces one, and the
archive can be a container whose blobs cannot be changed.
"""

from __future__ import annotations

import hashlib
import tempfile
from typing import IO, cast

from invoicing.records.retention import ArchivedFile
from stores.blobs import BlobMissing, Blobs

_BLOCK = 1024 * 1024


#: Bytes that are held in memory before a file is made of them.
_IN_MEMORY = 4 * 1024 * 1024


def scratch() -> IO[bytes]:
    """A file for what is on its way into the archive, or out of it; a small one stays in memory."""
    return cast(IO[bytes], tempfile.SpooledTemporaryFile(_IN_MEMORY))


class ArchiveDiffers(Exception):
    """What the archive gives back is not what was written into it: nothing may be deleted for it."""


def keep_record(archive: Blobs, thing: str, file: IO[bytes]) -> ArchivedFile:
    """Write the record of a thing and read it back. Raises ArchiveDiffers, and what the storage raises."""
    sha256, _ = _measured(file)
    return _kept(archive, f"archive/{thing}/record-{sha256[:16]}.json", file)


def keep_document(archive: Blobs, thing: str, name: str, file: IO[bytes]) -> ArchivedFile:
    """Write a blob of documents and read it back. Raises ArchiveDiffers, and what the storage raises."""
    return _kept(archive, f"archive/{thing}/documents/{name}", file)


def _kept(archive: Blobs, name: str, file: IO[bytes]) -> ArchivedFile:
    sha256, size = _measured(file)
    if _sha256_of(archive, name) != sha256:
        file.seek(0)
        archive.write(name, file)
        if _sha256_of(archive, name) != sha256:
            raise ArchiveDiffers(f"{name} of the archive is not what was written into it.")
    return ArchivedFile(name=name, size=size, sha256=sha256)


def _sha256_of(archive: Blobs, name: str) -> str | None:
    """The hash of a blob of the archive; None where there is none."""
    with scratch() as copy:
        try:
            archive.read_into(name, copy)
        except BlobMissing:
            return None
        return _measured(copy)[0]


def _measured(file: IO[bytes]) -> tuple[str, int]:
    """Hash and size of a file."""
    file.seek(0)
    digest = hashlib.sha256()
    size = 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size
