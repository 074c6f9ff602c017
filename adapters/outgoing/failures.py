"""What went wrong with a call, in our words: the texts of libraries quote what they were sent."""

from __future__ import annotations

import aiohttp

from invoicing.outgoing.refusals import CallRefused
from invoicing.records.outgoing import Outcome, OutgoingAnswer

TOO_LARGE = OutgoingAnswer(
    outcome="failed",
    code="answer_too_large",
    error="The answer is larger than what is taken. It was not read.",
)

#: The first kind that an error is of counts.
_KINDS: tuple[tuple[type[Exception], Outcome, str, str], ...] = (
    (aiohttp.ConnectionTimeoutError, "timed_out", "no_connection", "The host took no connection in time."),
    (aiohttp.SocketTimeoutError, "timed_out", "silent", "The host said nothing for a minute."),
    (TimeoutError, "timed_out", "too_slow", "The answer was not complete in time."),
    (aiohttp.ClientConnectorDNSError, "failed", "unknown_name", "The name of the host cannot be looked up."),
    (aiohttp.ClientSSLError, "failed", "bad_certificate", "The host's TLS certificate is not valid."),
    (aiohttp.ClientConnectorError, "failed", "no_connection", "The host accepts no connection."),
    (aiohttp.ClientPayloadError, "failed", "broken_answer", "The answer broke off, or cannot be unpacked."),
    (aiohttp.ClientResponseError, "failed", "bad_answer", "The answer is not HTTP, or has too large a head."),
    (aiohttp.InvalidURL, "refused", "bad_url", "The URL cannot be called."),
    (aiohttp.ClientError, "failed", "broken_connection", "The connection broke off too early."),
    (OSError, "failed", "broken_connection", "The connection broke off too early."),
    (ValueError, "failed", "bad_answer", "What the host answered cannot be read."),
)  # fmt: skip


def answer_of(error: Exception) -> OutgoingAnswer:
    """The answer to give in the place of an error. Raises the error where it is none of these."""
    if isinstance(error, CallRefused):
        return OutgoingAnswer(outcome="refused", code=error.code, error=error.text)
    for kind, outcome, code, text in _KINDS:
        if isinstance(error, kind):
            return OutgoingAnswer(outcome=outcome, code=code, error=text)
    raise error
