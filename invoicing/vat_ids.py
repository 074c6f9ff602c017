"""Whether a VAT id (BT-31, BT-48, BT-63) can be right: the form and check digits of its country.

Senders write them with the country's prefix, as EN 16931 asks for, and without it; with dots and blanks. What
python-stdnum knows of a country decides. A country that it does not know has no wrong id.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from stdnum import get_cc_module
from stdnum.eu import oss

MAX_LENGTH = 40
_REMEMBERED = 10_000
"""Ids whose check is remembered: the same suppliers and buyers come again and again."""

_COUNTRIES = {"EL": ("gr",), "XI": ("gb",), "FR": ("fr", "mc"), "IM": ("gb",)}
"""Prefixes that are not the code of one country alone: Greece, Northern Ireland, and Monaco, which has that
of France; companies on the Isle of Man have numbers of the United Kingdom."""

_ONE_STOP = ("EU", "IM")
"""Ids of sellers from outside of the Union (One Stop Shop) begin so, and belong to no country."""


def is_plausible(vat_id: str, country: str | None) -> bool:
    """Whether an id can be right. `country`: that of the party's address (ISO 3166-1), where it is known."""
    if len(vat_id) > MAX_LENGTH:
        return False
    return _is_plausible("".join(vat_id.split()).upper(), (country or "").upper())


@lru_cache(_REMEMBERED)
def _is_plausible(compact: str, country: str) -> bool:
    prefix, number = compact[:2], compact[2:]
    if prefix in _ONE_STOP and oss.is_valid(compact):
        return True
    of_prefix = _modules(prefix)
    if any(module.is_valid(compact) or module.is_valid(number) for module in of_prefix):
        return True
    of_country = _modules(country)
    if any(module.is_valid(compact) for module in of_country):
        return True  # written without a prefix; two letters at its beginning may be a part of it
    return not of_prefix and (not of_country or _has_foreign_prefix(prefix))


def _has_foreign_prefix(prefix: str) -> bool:
    """Whether an id begins with two letters, which name a country that is not known here."""
    return prefix.isascii() and prefix.isalpha()


def _modules(country: str) -> list[Any]:  # modules of a package without types
    if not (country.isascii() and country.isalpha() and len(country) == 2):
        return []
    names = _COUNTRIES.get(country, (country.lower(),))
    return [module for name in names if (module := get_cc_module(name, "vat")) is not None]
