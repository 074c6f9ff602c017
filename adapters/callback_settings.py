"""Settings of callbacks: the keys that they are signed with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.setting_values import SettingError

_SETTING = "SETTLE_CALLBACK_KEY"
_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64
_MOST_KEYS = 4
_VAULT_REFERENCE = "@Microsoft.KeyVault("


@dataclass(frozen=True)
class CallbackSettings:
    """`keys`: what callbacks are signed with, the newest first; each signs. Without one nothing is sent."""

    keys: tuple[bytes, ...] = field(default=(), repr=False)


def read_callbacks(environment: Mapping[str, str]) -> CallbackSettings:
    """Read them; raises SettingError where one cannot be used."""
    text = environment.get(_SETTING, "").strip()
    words = () if text.startswith(_VAULT_REFERENCE) else tuple(text.split())
    if len(words) > _MOST_KEYS:
        raise SettingError(f"{_SETTING} has more than {_MOST_KEYS} keys. Leave out those of long ago.")
    return CallbackSettings(tuple(_key(word) for word in words))


def _key(text: str) -> bytes:
    """The bytes of a key; its text appears in no error."""
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(_PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        raise SettingError(
            f"{_SETTING} cannot be read. Set it to {_PREFIX} and {_SHORTEST} to {_LONGEST} random bytes in "
            "base64; to change the key, set the new one and the old one with a space between."
        )
    return key
