"""The messages between Settle and its checker process, as bytes."""

from __future__ import annotations

import contextlib
import io
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.checking import frames
from adapters.checking.frames import (
    Answer,
    BadFrame,
    Decoder,
    Failed,
    Message,
    Ready,
    Request,
    Unusable,
    encode,
    read_message,
)

_numbers = st.integers(0, 20_000)
_seconds = st.floats(0, 1e6)
# Half characters too: names of files may hold them.
_texts = st.text(st.characters(), max_size=50)
MESSAGES = st.one_of(
    st.builds(Request, _numbers, _texts, st.none() | _texts, st.binary(max_size=200)),
    st.builds(Ready, _seconds),
    st.builds(Unusable, _texts, _texts),
    st.builds(Answer, _numbers, _seconds, _texts, st.binary(max_size=200)),
    st.builds(Failed, _numbers, _seconds, _texts, _texts),
)


@given(st.lists(MESSAGES, max_size=5), st.integers(1, 50))
def test_messages_come_out_as_they_went_in_however_they_are_cut(messages: list[Message], size: int) -> None:
    """A pipe gives bytes in pieces of its own."""
    data = b"".join(map(encode, messages))
    decoder, found = Decoder(), []
    for begin in range(0, len(data), size):
        found += decoder.feed(data[begin : begin + size])
    assert found == messages
    stream = io.BytesIO(data)
    assert [read_message(stream) for _ in messages] == messages
    assert read_message(stream) is None


@given(MESSAGES, st.data())
def test_stream_that_ends_amid_a_message_is_at_its_end(message: Message, data: st.DataObject) -> None:
    """The other side is gone: what it began to say is worth nothing."""
    whole = encode(message)
    assert read_message(io.BytesIO(whole[: data.draw(st.integers(0, len(whole) - 1))])) is None


def _frame(header: object, content: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack(">II", len(text), len(content)) + text + content


BAD = {
    "long header": struct.pack(">II", frames.MAX_HEADER + 1, 0),
    "long content": struct.pack(">II", 2, frames.MAX_CONTENT + 1),
    "no JSON": _frame(b"{"),
    "deep JSON": _frame(b"[" * 100_000),
    "not UTF-8": _frame(b"\xff\xfe"),
    "no object": _frame(["ready"]),
    "unknown kind": _frame({"kind": "hello"}),
    "no kind": _frame({"cpu": 1.0}),
    "missing field": _frame({"kind": "answer", "n": 1, "cpu": 1.0}),
    "field too many": _frame({"kind": "ready", "cpu": 1.0, "more": 1}),
    "text for a number": _frame({"kind": "ready", "cpu": "1"}),
    "truth for a number": _frame({"kind": "failed", "n": True, "cpu": 1.0, "error": "a", "where": "b"}),
    "content of a message without": _frame({"kind": "ready", "cpu": 1.0}, b"x"),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_is_no_message_is_said_to_be_none(data: bytes) -> None:
    """Nothing of it is believed, and a length is refused before so much is read."""
    with pytest.raises(BadFrame):
        list(Decoder().feed(data))
    with pytest.raises(BadFrame):
        read_message(io.BytesIO(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_none(data: bytes) -> None:
    """No other exception than the one for it."""
    with contextlib.suppress(BadFrame):
        list(Decoder().feed(data))
