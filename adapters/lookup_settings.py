"""Settings of what is looked up elsewhere: exchange rates, and checks of suppliers. All are optional."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from adapters.setting_values import SettingError, between

#: Rates come on working days only, so that those of four days ago may be the newest (Easter).
RATES_DAYS = 7


@dataclass(frozen=True)
class LookupSettings:
    """Where rates come from, and which services know suppliers; "" and None: not looked up.

    `rates_days`: how old rates may be. `checks_file`: the file that describes the services.
    """

    rates_url: str = ""
    rates_days: int = RATES_DAYS
    checks_file: Path | None = None


def read_lookups(environment: Mapping[str, str], root: Path) -> LookupSettings:
    """Read them; `root`: what paths begin at. Raises SettingError where one cannot be used."""
    checks = environment.get("SETTLE_SUPPLIER_CHECKS", "").strip()
    return LookupSettings(
        rates_url=_rates_url(environment.get("SETTLE_RATES_URL", "").strip()),
        rates_days=between(environment, "SETTLE_RATES_DAYS", RATES_DAYS, 1, 31),
        checks_file=root / checks if checks else None,
    )


def _rates_url(url: str) -> str:
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    except ValueError:
        usable = False
    if not usable:
        raise SettingError(
            "SETTLE_RATES_URL cannot be read. Set it to the address of a file of the ECB, such as "
            "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml, or remove it."
        )
    return url
