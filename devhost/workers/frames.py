"""Messages between the host and its worker processes: a length of four bytes, then that much JSON."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

__all__ = ["read_frame", "write_frame"]

_LENGTH = struct.Struct(">I")


def write_frame(stream: BinaryIO, message: dict[str, Any]) -> None:
    """Write one message. Raises OSError when the other side is gone."""
    body = json.dumps(message, ensure_ascii=True).encode("ascii")
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def read_frame(stream: BinaryIO) -> dict[str, Any] | None:
    """Read one message, or None when the other side has closed the stream, even amid a message."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = stream.read(length)
    return json.loads(body) if len(body) == length else None
