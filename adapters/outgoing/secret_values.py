"""Secrets by name: put into headers at the moment of sending, and taken out of what comes back."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote

from invoicing.outgoing.headers import check_size
from invoicing.outgoing.refusals import CallRefused
from invoicing.records.outgoing import Headers, SecretRef

#: A shorter secret is none, and its letters may stand anywhere by chance.
_SHORTEST = 6


def filled_in(headers: Headers, secrets: Mapping[str, str]) -> dict[str, str]:
    """Headers with the secrets in the place of their names. Raises CallRefused where one is missing."""
    filled = {name: _value(value, secrets) for name, value in headers.items()}
    check_size(filled)
    return filled


def used_by(headers: Headers, secrets: Mapping[str, str]) -> dict[str, str]:
    """The secrets that these headers name."""
    names = {value.secret for value in headers.values() if isinstance(value, SecretRef)}
    return {name: secrets[name] for name in names if len(secrets.get(name, "")) >= _SHORTEST}


def without(content: bytes, secrets: Mapping[str, str]) -> bytes:
    """Bytes without secrets: some hosts answer with what they were sent."""
    for name, secret in secrets.items():
        for form in _forms(secret):
            content = content.replace(form, f"[secret {name}]".encode())
    return content


def _value(value: str | SecretRef, secrets: Mapping[str, str]) -> str:
    if isinstance(value, str):
        return value
    secret = secrets.get(value.secret, "")
    if not secret:
        text = f"The secret {value.secret} is not set (setting SETTLE_SECRET_{value.secret})."
        raise CallRefused("secret_missing", text)
    return value.prefix + secret


def _forms(secret: str) -> set[bytes]:
    """A secret as it is, in a JSON text, in a URL, and in base64."""
    plain = secret.encode()
    escaped = json.dumps(secret)[1:-1].encode()
    return {plain, escaped, quote(secret, safe="").encode(), base64.b64encode(plain)}
