"""Signatures of ledgers and anchors: HMAC-SHA-256 with keys that are not where the ledgers are.

Hashes alone prove nothing against somebody who can write to the storage: they can be made anew. A signature
cannot, without the key. Who has the key can sign, so it proves nothing against its holders.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Literal

Purpose = Literal["entry", "anchor"]

_ID_DIGITS = 12


@dataclass(frozen=True)
class Signature:
    """`key`: the id of the key, None where there was no key; `value`: 64 hex digits, "" without a key."""

    key: str | None = None
    value: str = ""


@dataclass(frozen=True)
class Fault:
    """Why a signature does not count; `unknown_key`: the id of the key that would be needed to tell."""

    text: str
    unknown_key: str | None = None


@dataclass(frozen=True)
class LedgerKeys:
    """The keys, the newest first: it signs, and all are believed.

    Without keys nothing is signed. `unsigned_counts`: what has no signature is believed as well, which is
    right only where nobody else can write to the storage (a run on one's own machine).
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    unsigned_counts: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, the newest first; nobody can tell a key from its id."""
        return tuple(key_id(secret) for secret in self.secrets)

    def sign(self, purpose: Purpose, text: str) -> Signature:
        """Sign a text with the newest key."""
        if not self.secrets:
            return Signature()
        newest = self.secrets[0]
        return Signature(key_id(newest), _mac(newest, purpose, text))

    def fault(self, purpose: Purpose, text: str, signature: Signature) -> Fault | None:
        """Say why a signature of a text does not count; None where it does. Compares in constant time."""
        if signature.key is None:
            return None if self.unsigned_counts and not signature.value else Fault("it is not signed")
        for secret in self.secrets:
            if key_id(secret) != signature.key:
                continue
            right = _mac(secret, purpose, text)
            # What came out of a damaged file may be no text.
            if hmac.compare_digest(right.encode(), str(signature.value).encode()):
                return None
            return Fault("its signature is not one of ours")
        unknown = str(signature.key)[:_ID_DIGITS]
        return Fault(
            f"it is signed with the key {unknown}, which is not there to prove it", unknown_key=unknown
        )


def key_id(secret: str) -> str:
    """What a signature says of its key: 12 hex digits."""
    return hashlib.sha256(f"settle.key-id\n{secret}".encode()).hexdigest()[:_ID_DIGITS]


def _mac(secret: str, purpose: Purpose, text: str) -> str:
    # The purpose is part of what is signed: an entry's signature is worth nothing on an anchor.
    return hmac.new(secret.encode(), f"settle.{purpose}\n{text}".encode(), hashlib.sha256).hexdigest()
