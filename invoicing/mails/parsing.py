"""A mail taken apart: its head, the invoices that are attached to it, and what was left out and why.

    mail
    ├── multipart/*           looked into
    ├── message/rfc822        a mail inside a mail: looked into, to a depth
    ├── an XML, PDF or zip    taken
    ├── text without a name   what somebody wrote: nobody reads it
    └── all else              left out, and told by name: pictures of a signature, winmail.dat, a calendar

What a file is, its name says first, then its media type, then its first bytes. Whether it is an invoice is
for the check of the batch to say.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from typing import Any, cast

from invoicing import texts
from invoicing.mails.heads import LONGEST_PARSED, POLICY, Head, content_type_of, first, head_of
from invoicing.readers.detect import is_pdf, is_zip
from invoicing.records.mails import LeftOut

#: Bytes of a mail that are read for its head.
LARGEST_HEAD = 256 * 1024
#: Of a file's name, in characters.
LONGEST_NAME = 200
_KINDS = (".xml", ".pdf", ".zip")
_TYPES = {
    "application/xml": ".xml",
    "text/xml": ".xml",
    "application/pdf": ".pdf",
    "application/x-pdf": ".pdf",
    "application/zip": ".zip",
    "application/x-zip-compressed": ".zip",
}
# What may be anything: the first bytes say what it is.
_UNKNOWN = {"application/octet-stream", "application/x-octet-stream", "binary/octet-stream"}
_BODIES = {"text/plain", "text/html", "text/enriched", "text/calendar", "text/x-amp-html"}
_TNEF = {"application/ms-tnef", "application/vnd.ms-tnef"}
_SIGNATURES = {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
_ENCRYPTED = {"application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted"}
# The library goes one call deeper for each of these, and looks at all that are open for each line. It reads
# encoded words and odd spaces here too, so what is not plainly another type counts.
_NESTING = re.compile(
    rb"^content-type:(?![ \t]*(?:\n[ \t]+)?(?!multipart/|message/)[a-z0-9.+_-]+/)",
    re.IGNORECASE | re.MULTILINE,
)
_BOUNDARY = re.compile(rb"^--(?!>)", re.MULTILINE)
# Headers of parts, with the lines that they go on in.
_HEADER = re.compile(rb"^content-[a-z-]{1,40}:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class MailLimits:
    """What one mail may hold: mails in mails, parts, files, parts that hold parts, lines.

    `work`: the sum of the squares of the lengths of headers of parts, in characters. `steps`: lines, for each
    part that may be open there.
    """

    depth: int = 5
    parts: int = 1000
    files: int = 500
    nesting: int = 60
    work: int = 40_000_000
    lines: int = 1_500_000
    steps: int = 6_000_000


@dataclass(frozen=True)
class File:
    """An attachment that may be an invoice."""

    name: str
    content: bytes


@dataclass
class ParsedMail:
    """A mail; `fault` says why it cannot be taken apart as a whole, "" where it can."""

    head: Head
    files: list[File] = field(default_factory=list[File])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])
    fault: str = ""


class _TooMuch(Exception):
    """There is more in the mail than one may hold; the text says of what."""


def parse(raw: bytes, limits: MailLimits | None = None) -> ParsedMail:
    """Take a mail apart; never raises."""
    limits = limits or MailLimits()
    if fault := _too_much_work(raw, limits):
        return ParsedMail(read_head(raw), fault=fault)
    try:
        mail: Any = email.message_from_bytes(raw, EmailMessage, policy=POLICY)
        found = ParsedMail(head_of(mail))
    except Exception:  # noqa: BLE001 - the library raises what it likes for what is broken
        return ParsedMail(read_head(raw), fault="It is broken: it cannot be read as a mail.")
    try:
        for part in _Walk(limits).leaves(mail, 0):
            _sort(part, found, limits)
    except _TooMuch as error:
        return ParsedMail(found.head, fault=str(error))
    return found


def read_head(raw: bytes) -> Head:
    """The head of a mail out of its first bytes; never raises."""
    raw = raw[:LARGEST_HEAD]
    end = min((at for at in (raw.find(b"\n\n"), raw.find(b"\n\r\n")) if at >= 0), default=len(raw))
    # The other parsers take Content-Type apart before anybody asks.
    mail: Any = BytesHeaderParser(EmailMessage, policy=POLICY).parsebytes(raw[:end] + b"\n\n")
    return head_of(mail)


def _too_much_work(raw: bytes, limits: MailLimits) -> str:
    """Why a mail is not given to the library, which takes all apart before we see any; "" where it is."""
    # For the library a line ends at a bare CR as well.
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    nesting = len(_NESTING.findall(lines))
    if nesting > limits.nesting:
        return "It has too many parts inside of each other."
    if sum((match.end() - match.start()) ** 2 for match in _HEADER.finditer(lines)) > limits.work:
        return "The headers of its parts are too long."
    # Lines of a text may begin like a part.
    if sum(1 for _ in _BOUNDARY.finditer(lines)) > 5 * limits.parts:
        return f"It has more than {limits.parts:,} parts."
    count = lines.count(b"\n")
    if count > limits.lines or count * (1 + nesting) > limits.steps:
        return "It has too many lines."
    return ""


class _Walk:
    """Goes through a mail, and counts its parts."""

    def __init__(self, limits: MailLimits) -> None:
        self._limits = limits
        self._parts = 0

    def leaves(self, part: EmailMessage, depth: int) -> Iterator[EmailMessage]:
        """All parts that hold no other parts. Raises _TooMuch."""
        self._parts += 1
        if self._parts > self._limits.parts:
            raise _TooMuch(f"It has more than {self._limits.parts:,} parts.")
        payload: Any = part.get_payload()
        if not isinstance(payload, list):
            yield part
            return
        if content_type_of(part).startswith("message/"):
            depth += 1
            if depth > self._limits.depth:
                raise _TooMuch(f"It has mails inside of mails, more than {self._limits.depth} deep.")
        children = cast(list[EmailMessage], payload)
        for child in children:
            yield from self.leaves(child, depth)


def _sort(part: EmailMessage, found: ParsedMail, limits: MailLimits) -> None:
    """Take a part, or leave it out."""
    kind = content_type_of(part)
    name = _name(part)
    if kind in _SIGNATURES or (kind in _BODIES and not name):
        return
    shown = name or f"({kind})"
    if why := _reason(part, kind, name):
        _leave(found, shown, why)
        return

    content = _content(part)
    ending = _ending(name, kind, content)
    if not ending:
        _leave(found, shown, "It is no XML, PDF or zip file.")
        return
    if not content:
        _leave(found, shown, "It is empty, or its content cannot be decoded.")
        return
    if len(found.files) >= limits.files:
        raise _TooMuch(f"It has more than {limits.files:,} files. Send several mails, or a zip.")
    numbered = f"attachment-{len(found.files) + 1}"
    whole = name if name.lower().endswith(ending) else f"{name or numbered}{ending}"
    found.files.append(File(whole, content))


def _reason(part: EmailMessage, kind: str, name: str) -> str:
    """Why a part is left out unread, "" where it is not."""
    if kind in _TNEF or name.lower() == "winmail.dat":
        return "Outlook packed the attachments into it, and it is not opened. Send the files themselves."
    if kind in _ENCRYPTED:
        return "It is encrypted."
    if kind.startswith("image/"):
        return "It is a picture." if not _is_inline(part) else "It is a picture inside of the text."
    return ""


def _is_inline(part: EmailMessage) -> bool:
    return bool(first(part, "content-id")) or first(part, "content-disposition").lower().startswith("inline")


def _ending(name: str, kind: str, content: bytes) -> str:
    """What the file is by its name, its media type, or its first bytes; "" for what is no kind of invoice."""
    lower = name.lower()
    if ending := next((ending for ending in _KINDS if lower.endswith(ending)), ""):
        return ending
    if kind in _TYPES or kind.endswith("+xml"):
        return _TYPES.get(kind, ".xml") if kind != "image/svg+xml" else ""
    has_ending = "." in lower[-6:]
    if kind not in _UNKNOWN or has_ending:
        return ""
    if is_pdf(content):
        return ".pdf"
    if is_zip(content):
        return ".zip"
    return ".xml" if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:5].lower() == b"<?xml" else ""


def _content(part: EmailMessage) -> bytes:
    """The decoded content; empty where that cannot be."""
    try:
        payload: Any = part.get_payload(decode=True)
    except Exception:  # noqa: BLE001 - an odd transfer encoding, or a header that is broken
        return b""
    return payload if isinstance(payload, bytes) else b""


def _name(part: EmailMessage) -> str:
    """The name of a file, without folders; "" where it has none."""
    if max(len(first(part, "content-disposition")), len(first(part, "content-type"))) > LONGEST_PARSED:
        return ""
    try:
        given: Any = part.get_filename("")
    except Exception:  # noqa: BLE001 - a parameter that is broken
        return ""
    text = str(given).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    bare = re.split(r"[/\\]", text)[-1].strip(" .")
    if len(bare) > LONGEST_NAME:  # its ending says what it is
        bare = bare[: LONGEST_NAME - 12] + "…" + bare[-11:]
    return texts.cleaned(bare, LONGEST_NAME)


def _leave(found: ParsedMail, name: str, why: str) -> None:
    if len(found.left_out) < 100:
        found.left_out.append(LeftOut(name=name, why=why))
