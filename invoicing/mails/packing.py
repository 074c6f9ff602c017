"""The invoices of one mail as one zip, which is what a batch is made of.

A zip that came alone stays as it is. Where there are several files, those out of zips stand beside the
others: a batch opens no zip inside of a zip.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from invoicing import texts
from invoicing.archive import MIB, Archive, BadArchive, Limits
from invoicing.mails.parsing import File
from invoicing.records.mails import LeftOut

#: Bytes of all files together, out of their zips: they are in memory at the same time.
LARGEST = 256 * MIB


@dataclass(frozen=True)
class Packed:
    """`data`: the zip, None where there is nothing to check. `documents`: how many files are in it."""

    data: bytes | None
    documents: int
    left_out: tuple[LeftOut, ...]


def pack(files: Sequence[File], limits: Limits) -> Packed:
    """Pack the files of a mail; the same files give the same bytes. A zip that cannot be used is left out."""
    limits = replace(limits, max_total=min(limits.max_total, LARGEST))
    if len(files) == 1 and _is_zip(files[0]):
        return _alone(files[0], limits)

    left_out: list[LeftOut] = []
    buffer = io.BytesIO()
    size = documents = 0
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        warnings.simplefilter("ignore", UserWarning)  # two files of one name are two documents
        for name, content in _documents(files, limits, left_out):
            size += len(content)
            if size > limits.max_total:
                left_out.append(LeftOut(name=name, why="There is too much in the mail. Send several mails."))
                break
            archive.writestr(zipfile.ZipInfo(name), content)
            documents += 1
    return Packed(buffer.getvalue() if documents else None, documents, tuple(left_out))


def _alone(file: File, limits: Limits) -> Packed:
    try:
        return Packed(file.content, len(Archive(io.BytesIO(file.content), limits)), ())
    except BadArchive as error:
        return Packed(None, 0, (LeftOut(name=file.name, why=error.text),))


def _documents(files: Sequence[File], limits: Limits, left_out: list[LeftOut]) -> Iterator[tuple[str, bytes]]:
    """Names and contents, those in zips as well; adds what cannot be taken to `left_out`."""
    for file in files:
        if not _is_zip(file):
            yield file.name, file.content
            continue
        try:
            archive = Archive(io.BytesIO(file.content), limits)
        except BadArchive as error:
            left_out.append(LeftOut(name=file.name, why=error.text))
            continue
        for index in range(len(archive)):
            entry = archive.read(index)
            name = texts.cleaned(f"{file.name}/{entry.name}", limits.max_name)
            if entry.content is not None:
                yield name, entry.content
            elif entry.finding:
                left_out.append(LeftOut(name=name, why=entry.finding.text))


def _is_zip(file: File) -> bool:
    return file.name.lower().endswith(".zip")
