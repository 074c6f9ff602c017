"""Who owns an invoice: the same number of the same supplier is taken once, within a batch and for ever.

A claim is a line ``key owner`` in one of 16 sorted text files (shards). ``key`` is a hash of supplier and
number, ``owner`` names the document that came first, such as ``batch/000017``. All of it is pure: the caller
reads a shard, merges, and writes it back under its ETag.

What counts as the same invoice:

* Case, spaces, full-width characters and the kind of punctuation do not matter: ``RE-2024/001``,
  ``re 2024 001`` and ``RE2024.001`` are one number, ``DE 123.456.789`` and ``DE123456789`` one supplier.
* Leading zeros stay, and so does a break between two digits: ``2024-1-11`` and ``2024-11-1`` are January's
  eleventh and November's first invoice, and a supplier that uses both ``007`` and ``7`` means two invoices.
* That holds for texts of up to 1,000 characters; longer ones are compared as they are.
* A credit note has a number space of its own. Article 226 of the VAT directive asks for one unique number
  over both, yet a cancellation that carries the number of the invoice it cancels is common. Taken for a
  duplicate, it would be put aside and the cancelled invoice would be paid.
* The supplier is the VAT id, else the legal id, else the name: a supplier that states its VAT id in one
  document and not in the next counts as two. Without a number or a supplier there is nothing to compare,
  hence no key.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from invoicing.document_types import is_credit_note

SHARDS = 16

_LONGEST = 1000
"""Characters of a number or name that are compared by their meaning; longer ones as they are written."""

_KEY = re.compile(r"[0-9a-f]{32}")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_BREAK_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\W_]+(?=\d)")


class BadClaim(ValueError):
    """A claim or a shard that is not of the form ``key owner``: the shard must not be written back."""


def supplier_identity(vat_id: str | None, legal_id: str | None, name: str | None) -> str | None:
    """Return what identifies the supplier: VAT id (BT-31), else legal id (BT-30), else name (BT-27)."""
    return next((text for text in (vat_id, legal_id, name) if text and compact(text)), None)


def claim_key(supplier: str | None, number: str | None, type_code: str | None = None) -> str | None:
    """Return 32 hex digits that are equal for equal invoices, or None when supplier or number is missing.

    ``supplier`` is `supplier_identity`, ``number`` is BT-1, ``type_code`` is BT-3 (only whether it is a
    credit note matters). The module's docstring says what counts as equal.
    """
    who = compact(supplier or "")
    which = _compact_number(number or "")
    if not who or not which:
        return None
    space = "credit-note" if is_credit_note(type_code) else "invoice"
    return hashlib.sha256(f"{space}|{who}|{which}".encode()).hexdigest()[:32]


def shard_of(key: str) -> int:
    """Return the shard, 0 to ``SHARDS - 1``, that holds the claim with this key."""
    return int(key[0], 16) % SHARDS


def merge(shard_text: str, wanted: Iterable[tuple[str, str]]) -> tuple[str, dict[str, str]]:
    """Add claims to a shard: returns its new text and, for each wanted key, the owner that holds it now.

    ``wanted`` is (key, owner) in the order of the documents: the first one wins within a batch, and whoever
    is in the shard already wins over both. An owner that asks again keeps its claim, so a repeated activity
    changes nothing. The text is sorted by key, so equal claims make equal bytes. Raises `BadClaim`.
    """
    claims = _parse(shard_text)
    holders: dict[str, str] = {}
    for key, owner in wanted:
        _check(key, owner)
        holders[key] = claims.setdefault(key, owner)
    return _format(claims), holders


def release(shard_text: str, key: str, owner: str) -> str:
    """Return the shard without the claim of this owner; another's claim of the same key stays.

    The shard is not parsed: it has a line for every invoice ever seen. The newline at the end keeps document
    1 from taking the claim of document 17 with it.
    """
    _check(key, owner)
    return shard_text.replace(f"{key} {owner}\n", "")


def compact(text: str) -> str:
    """Return only the letters and digits of a text, case folded: what is compared of names and VAT ids."""
    return _NOT_ALPHANUMERIC.sub("", _folded(text))


def _folded(text: str) -> str:
    """Return a text without case and variants of characters; one of endless length as it is.

    Python takes minutes to bring a megabyte of accents on one letter into order.
    """
    return text if len(text) > _LONGEST else unicodedata.normalize("NFKC", text).casefold()


def _compact_number(text: str) -> str:
    folded = _folded(text)
    return "-".join(_NOT_ALPHANUMERIC.sub("", part) for part in _BREAK_BETWEEN_DIGITS.split(folded))


def _parse(shard_text: str) -> dict[str, str]:
    claims: dict[str, str] = {}
    # Not splitlines(): it also breaks at characters that an owner's name may hold.
    for line in shard_text.split("\n"):
        if not line:
            continue
        key, _, owner = line.partition(" ")
        _check(key, owner)
        claims[key] = owner
    return claims


def _check(key: str, owner: str) -> None:
    if not _KEY.fullmatch(key):
        raise BadClaim(f"not a claim key of 32 hex digits: {key[:40]!r}")
    if not owner or "\n" in owner:
        raise BadClaim(f"not the name of a claim's owner: {owner[:40]!r}")


def _format(claims: dict[str, str]) -> str:
    # What was read is sorted already, so the sort merges two runs: linear in practice.
    return "".join(f"{key} {claims[key]}\n" for key in sorted(claims))
