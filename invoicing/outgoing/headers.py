"""Which headers a call may have."""

from __future__ import annotations

import re
from collections.abc import Mapping

from invoicing.outgoing.refusals import CallRefused
from invoicing.outgoing.targets import CallPolicy, Target, matches
from invoicing.records.outgoing import SecretRef

#: Headers of a request, and characters of each and of all together.
MOST, LONGEST, LARGEST = 50, 4096, 16 * 1024
_LONGEST_NAME = 100

#: Headers of the connection, not of the call: who sets these can hide a second request in the first.
_CONNECTION_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x20-\x7e\xa0-\xff]*")


def check_headers(headers: Mapping[str, str | SecretRef], target: Target, policy: CallPolicy) -> None:
    """Refuse headers that cannot be sent, and secrets that are not for this host. Raises CallRefused."""
    if len(headers) > MOST:
        raise CallRefused("too_many_headers", f"A call has at most {MOST} headers.")
    if len({name.lower() for name in headers}) < len(headers):
        raise CallRefused("bad_header", "A header stands there twice.")
    for name, value in headers.items():
        _check_name(name)
        if isinstance(value, SecretRef):
            check_value(value.prefix)
            _check_secret(value.secret, target, policy)
        else:
            check_value(value)
    check_size({name: "" if isinstance(value, SecretRef) else value for name, value in headers.items()})


def check_value(value: str) -> None:
    """Refuse a value that would end its line, or has characters that no header has. Raises CallRefused."""
    if len(value) > LONGEST or not _VALUE.fullmatch(value):
        text = f"The value of a header has at most {LONGEST:,} characters, on one line, of Latin-1."
        raise CallRefused("bad_header", text)


def check_size(headers: Mapping[str, str]) -> None:
    """Refuse headers that are too large together. Raises CallRefused."""
    if sum(len(name) + len(value) + 4 for name, value in headers.items()) > LARGEST:
        raise CallRefused("headers_too_large", f"The headers have more than {LARGEST // 1024} KiB.")


def _check_name(name: str) -> None:
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise CallRefused("bad_header", "The name of a header has characters that no such name has.")
    if name.lower() in _CONNECTION_HEADERS:
        text = f"The header {name} belongs to the connection and is set by the program that sends."
        raise CallRefused("header_not_allowed", text)


def _check_secret(name: str, target: Target, policy: CallPolicy) -> None:
    if not matches(target.host, policy.secret_hosts.get(name, ())):
        text = (
            f"There is no secret {name} for this host (settings SETTLE_CALL_SECRETS, SETTLE_SECRET_{name})."
        )
        raise CallRefused("secret_not_allowed", text)
    if target.scheme != "https" and not policy.loopback:
        raise CallRefused("https_needed", "A secret is sent over https only.")
