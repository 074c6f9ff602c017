"""Keys and ids of signals: brought to one form, and what stands for them in names of blobs."""

from __future__ import annotations

import hashlib
import json
import unicodedata

from invoicing import texts
from invoicing.signals.errors import SignalInvalid

LONGEST_KEY = 200
LONGEST_ID = 255


def normal_key(text: str) -> str:
    """A key in its one form: composed characters, single spaces, none around it. Raises SignalInvalid.

    Letters stay as they are; whether they are capital makes no other key (`key_hash`).
    """
    # A key of megabytes is not looked at as a whole.
    if len(text) <= 4 * LONGEST_KEY:
        text = " ".join(unicodedata.normalize("NFC", text).split(" ")).strip()
        text = " ".join(part for part in text.split(" ") if part)
    if not text:
        raise SignalInvalid("bad_key", f"There is no key. A key has 1 to {LONGEST_KEY} characters.")
    wrong = texts.fault(text, LONGEST_KEY)
    if wrong:
        raise SignalInvalid("bad_key", f"The key {wrong}. A key has 1 to {LONGEST_KEY} characters.")
    return text


def normal_id(text: str) -> str:
    """An id without spaces around it. Raises SignalInvalid."""
    text = text.strip(" ") if len(text) <= 2 * LONGEST_ID else text
    if not text:
        raise SignalInvalid("bad_id", f"The id is empty. An id has 1 to {LONGEST_ID} characters.")
    wrong = texts.fault(text, LONGEST_ID)
    if wrong:
        raise SignalInvalid("bad_id", f"The id {wrong}. An id has 1 to {LONGEST_ID} characters.")
    return text


def id_of_content(payload: object) -> str:
    """The id of a signal that came without one: equal for equal content."""
    text = json.dumps(payload, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return f"content-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def key_hash(key: str) -> str:
    """32 hex digits that stand for a key, whose characters a name may not have."""
    return _hashed(key.casefold())


def id_hash(signal_id: str) -> str:
    """32 hex digits that stand for an id."""
    return _hashed(signal_id)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
