"""Reading one setting: the error that every reader of settings raises, and the kinds of values there are.

The texts of errors name a setting and what to set, never the value of one that may hold a secret.
"""

from __future__ import annotations

from collections.abc import Mapping

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


def flag(environment: Mapping[str, str], name: str) -> bool:
    """True or false; false where it is not set. Raises SettingError."""
    text = environment.get(name, "").strip().lower()
    if text not in _TRUE + _FALSE:
        raise SettingError(f"{name} is {text!r}. Set it to true or false, or remove it (false).")
    return text in _TRUE
