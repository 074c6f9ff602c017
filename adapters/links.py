"""Signed links: what a message carries so that one person can decide on one document in one stage, once.

A link names approval, stage, person, the SHA-256 of the document that the person was asked about, what it is
for, and when it ends. Following it shows a page; only a POST from there decides. It is read in constant time
(itsdangerous), and its id is a hash of what it says, so that the same link sent twice is one link.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel

from adapters.setting_values import SettingError
from adapters.signing import BadSignature, Claims, Keys
from invoicing.approval.persons import is_person_id

Purpose = Literal["decide", "answer"]
Code = Literal["bad", "expired", "foreign"]

#: How long a link works where the stage has no end of its own.
DEFAULT_LIFETIME = timedelta(days=30)

_TEXTS: dict[Code, str] = {
    "bad": "This link is not one of ours, or it was changed on the way. Open it from the message again.",
    "expired": "This link is no longer valid. Sign in, or ask for a new message.",
    "foreign": "This link is for something else. Open the one from the message about this invoice.",
}


class LinkRefused(Exception):
    """A link that counts for nothing: `code` says why, the text says what to do."""

    def __init__(self, code: Code) -> None:
        super().__init__(_TEXTS[code])
        self.code: Code = code


class _LinkBody(BaseModel, frozen=True, strict=True):
    """What is signed: approval, stage, person, hash of the document, purpose (use), and end, in seconds."""

    a: str
    s: str
    p: str
    h: str
    u: Purpose
    e: int


@dataclass(frozen=True)
class LinkClaims:
    """What a link says; `link` is its id (24 hex digits), by which the ledger knows that it was used."""

    approval: str
    stage: str
    person: str
    sha256: str
    purpose: Purpose
    expires: datetime
    link: str


@dataclass(frozen=True)
class Links:
    """Makes and reads links. `base`: our own address as browsers know it, "" where it is not known."""

    keys: Keys
    base: str = ""

    def sign(
        self,
        approval: str,
        stage: str,
        person: str,
        sha256: str,
        *,
        purpose: Purpose = "decide",
        expires: datetime,
        serial: str = "",
    ) -> str:
        """A token. `serial` (the id of its message) tells apart links of otherwise equal claims."""
        seconds = int(expires.timestamp())
        body = {"a": approval, "s": stage, "p": person, "h": sha256, "u": purpose, "e": seconds, "n": serial}
        return self.keys.sign("link", body)

    def read(self, token: str, now: datetime, *, approval: str | None = None) -> LinkClaims:
        """What a token says. Raises LinkRefused: `bad`, `expired`, or `foreign` where it is for another
        approval than the one it is shown for.
        """
        try:
            body = self.keys.read("link", token)
            claims = _claims(body)
        except (BadSignature, ValueError, OverflowError) as error:
            raise LinkRefused("bad") from error
        if approval is not None and claims.approval != approval:
            raise LinkRefused("foreign")
        if now >= claims.expires:
            raise LinkRefused("expired")
        return claims

    def page(self, approval: str, token: str | None = None) -> str:
        """The address of an approval's page, with a token for a person who need not sign in.

        Raises SettingError where our own address is not known.
        """
        query = f"?t={quote(token, safe='')}" if token else ""
        return f"{self.home()}/approvals/{quote(approval, safe='')}{query}"

    def home(self) -> str:
        """Our own address, without a slash at its end. Raises SettingError where it is not known."""
        if not self.base:
            raise SettingError(
                "SETTLE_PUBLIC_URL is not set. Set it to the address that people open Settle at, "
                "like https://settle.example; links in messages begin with it."
            )
        return self.base


def _claims(body: Claims) -> LinkClaims:
    link_body = _LinkBody.model_validate(body)
    if not is_person_id(link_body.p):
        raise ValueError("not the claims of a link")
    expires = datetime.fromtimestamp(link_body.e, UTC)
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    link = hashlib.sha256(canonical.encode()).hexdigest()[:24]
    return LinkClaims(link_body.a, link_body.s, link_body.p, link_body.h, link_body.u, expires, link)
