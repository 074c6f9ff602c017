"""Reading one setting: the error that every reader of settings raises, and the kinds of values there are.

The texts of errors name a setting and what to set, never the value of one that may hold a secret.
"""

from __future__ import annotations

from collections.abc import Mapping

_SHORTEST_KEY = 32
_VAULT_REFERENCE = "@Microsoft.KeyVault("
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


class SettingError(ValueError):
    """A setting is missing or has a value that cannot be used; the text names it and says what to set."""


def whole(environment: Mapping[str, str], name: str, default: int) -> int:
    """A whole number above 0. Raises SettingError."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not text.isdigit() or int(text) < 1:
        raise SettingError(f"{name} is {text!r}. Set it to a whole number above 0, or remove it ({default}).")
    return int(text)


def between(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number of a range, both ends included. Raises SettingError."""
    value = whole(environment, name, default)
    if not least <= value <= most:
        raise SettingError(
            f"{name} is {value}. Set it to a whole number from {least} to {most}, or remove it ({default})."
        )
    return value


def flag(environment: Mapping[str, str], name: str) -> bool:
    """True or false; false where it is not set. Raises SettingError."""
    text = environment.get(name, "").strip().lower()
    if text not in _TRUE + _FALSE:
        raise SettingError(f"{name} is {text!r}. Set it to true or false, or remove it (false).")
    return text in _TRUE


def keys(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Keys for signing, the newest first, with spaces between. Raises SettingError.

    Empty as well where a reference to a key vault was not resolved: it stands in the environment as it was
    written then, and as a key it would be one that everybody knows who may see the configuration.
    """
    text = environment.get(name, "").strip()
    found = () if text.startswith(_VAULT_REFERENCE) else tuple(text.split())
    if any(len(key) < _SHORTEST_KEY for key in found):
        raise SettingError(
            f"{name} is shorter than {_SHORTEST_KEY} characters. Set it to a random text of that length or "
            "more; to change the key, set the new one and the old one with a space between."
        )
    return found
