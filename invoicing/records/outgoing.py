"""One call to another host, and what came of it."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from invoicing.records.base import Record

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

Outcome = Literal["answered", "refused", "failed", "timed_out"]
"""``answered``: there is a status, whichever. ``refused``: it is not allowed, and nothing was sent.
``failed``: the connection or the answer was not as it must be. ``timed_out``: it took too long."""

MIB = 1024 * 1024
#: Bytes of an answer that are read, unless the request says otherwise, and at most.
USUAL_ANSWER, LARGEST_ANSWER = MIB, 8 * MIB
#: Bytes of a request's body.
LARGEST_BODY = MIB
LONGEST_URL = 2000
#: Seconds from the first look for the host's address to the last byte of the answer.
USUAL_SECONDS, MOST_SECONDS = 30.0, 120.0


class SecretRef(Record):
    """The value of a header that is known by name alone: `prefix`, then the secret of the settings."""

    model_config = ConfigDict(extra="forbid")

    secret: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")
    prefix: str = Field(default="", max_length=40)


Headers = dict[str, str | SecretRef]


class OutgoingRequest(Record):
    """A call that is to be made. `largest`: bytes of the answer that are taken, after decompression."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    method: Method = "GET"
    url: str = Field(max_length=LONGEST_URL)
    headers: Headers = Field(default_factory=dict[str, str | SecretRef])
    body: bytes = Field(default=b"", max_length=LARGEST_BODY)
    timeout_seconds: float = Field(default=USUAL_SECONDS, gt=0, le=MOST_SECONDS)
    largest: int = Field(default=USUAL_ANSWER, ge=0, le=LARGEST_ANSWER)


class OutgoingAnswer(Record):
    """What came of a call.

    `status`, `headers` (names in lower case) and `body` are those of the answer; the body is whole, or empty
    where the outcome is not `answered`. `code` and `error` say what went wrong, for programs and in our
    words: they never quote what the host sent, nor a secret. `milliseconds`: how long it took.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    outcome: Outcome
    status: int | None = None
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    body: bytes = b""
    code: str = ""
    error: str = ""
    milliseconds: int = 0
