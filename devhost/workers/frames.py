"""Messages between the host and its worker processes: a head of JSON, and a body of bytes.

On the wire: the length of the head (4 bytes), the length of the body (8 bytes), the head, the body. Values
of user code travel in the body, so that large ones are not escaped into JSON once more.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

__all__ = ["Frame", "read_frame", "write_frame"]

_LENGTHS = struct.Struct(">IQ")


@dataclass(frozen=True)
class Frame:
    """One message."""

    head: dict[str, Any]
    body: bytes = b""


def write_frame(stream: BinaryIO, frame: Frame) -> None:
    """Write one message. Raises OSError when the other side is gone."""
    head = json.dumps(frame.head, ensure_ascii=True).encode("ascii")
    stream.write(_LENGTHS.pack(len(head), len(frame.body)) + head)
    stream.write(frame.body)
    stream.flush()


def read_frame(stream: BinaryIO) -> Frame | None:
    """Read one message, or None when the other side has closed the stream, even amid a message."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    head_length, body_length = _LENGTHS.unpack(lengths)
    head, body = stream.read(head_length), stream.read(body_length)
    if len(head) < head_length or len(body) < body_length:
        return None
    return Frame(json.loads(head), body)
