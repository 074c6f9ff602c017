"""Messages between Settle and its checker process.

A frame has two lengths of four bytes (of the header and of the content), a header of JSON that names the
message's kind and its fields, and content of raw bytes: documents are not encoded on their way.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, BinaryIO, cast

MAX_HEADER = 1024 * 1024
"""Bytes; a document's name comes from outside and may be long."""

MAX_CONTENT = 128 * 1024 * 1024
"""Bytes; a request to the API has at most 90 MiB by default, a row some thousand."""

_LENGTHS = struct.Struct(">II")


class BadFrame(Exception):
    """What came is not a message: too long, not of the form above, or of another shape than its kind."""


@dataclass(frozen=True, slots=True)
class Request:
    """A document to work at; ``n`` is its number among the caller's, ``today`` an ISO date or None."""

    n: int
    name: str
    today: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Ready:
    """The process is up and waits for documents; ``cpu``: seconds of processor time so far."""

    cpu: float


@dataclass(frozen=True, slots=True)
class Unusable:
    """The installation is at fault, and no document; the exception's name and its text."""

    error: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a document: ``outcome`` and the content of the answer; ``cpu`` as in `Ready`."""

    n: int
    cpu: float
    outcome: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """An error of Settle's own at a document: the exception's name and where it was raised, without its text.

    The text of an exception may hold values of the invoice, and this message goes into the log.
    """

    n: int
    cpu: float
    error: str
    where: str


Message = Request | Ready | Unusable | Answer | Failed

_KINDS: dict[str, type[Message]] = {
    "request": Request,
    "ready": Ready,
    "unusable": Unusable,
    "answer": Answer,
    "failed": Failed,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_FIELDS = {kind: tuple(field.name for field in fields(kind) if field.name != "content") for kind in _NAMES}
_TYPES: dict[str, tuple[type, ...]] = {
    "n": (int,),
    "cpu": (int, float),
    "name": (str,),
    "today": (str, NoneType),
    "outcome": (str,),
    "error": (str,),
    "message": (str,),
    "where": (str,),
}


def encode(message: Message) -> bytes:
    """The frame of a message."""
    kind = type(message)
    header = {"kind": _NAMES[kind]} | {name: getattr(message, name) for name in _FIELDS[kind]}
    text = json.dumps(header).encode("ascii")
    content: bytes = getattr(message, "content", b"")
    return b"".join((_LENGTHS.pack(len(text), len(content)), text, content))


class Decoder:
    """Takes bytes as they come and gives the messages that are whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Add bytes; yields the messages that are whole now. Raises BadFrame."""
        self._buffer += data
        while (message := self._next()) is not None:
            yield message

    def _next(self) -> Message | None:
        if len(self._buffer) < _LENGTHS.size:
            return None
        header, content = _lengths(self._buffer)
        begin, end = _LENGTHS.size + header, _LENGTHS.size + header + content
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            message = _message(bytes(view[_LENGTHS.size : begin]), bytes(view[begin:end]))
        del self._buffer[:end]
        return message


def read_message(stream: BinaryIO) -> Message | None:
    """Read one message from a stream that blocks; None where it ends, amid a message too. Raises BadFrame."""
    head = stream.read(_LENGTHS.size)
    if len(head) < _LENGTHS.size:
        return None
    header, content = _lengths(head)
    text, data = stream.read(header), stream.read(content)
    if len(text) < header or len(data) < content:
        return None
    return _message(text, data)


def _lengths(head: bytes | bytearray) -> tuple[int, int]:
    header, content = _LENGTHS.unpack_from(head)
    if header > MAX_HEADER or content > MAX_CONTENT:
        raise BadFrame(f"a header of {header:,} and content of {content:,} bytes")
    return header, content


def _message(text: bytes, content: bytes) -> Message:
    try:
        parsed: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFrame("the header is not JSON") from error
    if not isinstance(parsed, dict):
        raise BadFrame("the header is not an object")
    header = cast(dict[str, object], parsed)
    kind = _KINDS.get(str(header.pop("kind", "")))
    if kind is None:
        raise BadFrame("a message of an unknown kind")
    return _made(kind, header, content)


def _made(kind: type[Message], header: dict[str, object], content: bytes) -> Message:
    names = _FIELDS[kind]
    if set(header) != set(names):
        raise BadFrame(f"a {_NAMES[kind]} with other fields than {', '.join(names)}")
    # The very type: to isinstance, a bool is an int too.
    wrong = [name for name in names if type(header[name]) not in _TYPES[name]]
    if wrong:
        raise BadFrame(f"a {_NAMES[kind]} with a wrong {wrong[0]}")
    if kind in (Request, Answer):
        header["content"] = content
    elif content:
        raise BadFrame(f"a {_NAMES[kind]} with content")
    fields: Any = header  # each has its type, as was looked at above
    return kind(**fields)
