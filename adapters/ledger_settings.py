"""Settings of what makes ledgers a proof: the keys that sign them, and where their anchors go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr

from adapters.setting_values import SettingError, keys

_CONTAINER = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]")


@dataclass(frozen=True)
class LedgerSettings:
    """Keys and anchors.

    `keys`: the newest signs, all are believed. `anchor_mail`: who gets the hash of each anchor.
    `anchor_container`: where a copy of each anchor is kept, "" for nowhere.
    """

    keys: tuple[str, ...] = field(default=(), repr=False)
    anchor_mail: tuple[str, ...] = ()
    anchor_container: str = ""


def read_ledger(environment: Mapping[str, str]) -> LedgerSettings:
    """Read them; raises SettingError where one cannot be used."""
    return LedgerSettings(
        keys=keys(environment, "SETTLE_LEDGER_KEY"),
        anchor_mail=_addresses(environment.get("SETTLE_ANCHOR_MAIL", "")),
        anchor_container=_container(environment),
    )


def _addresses(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for address in found:
        local, _, domain = address.rpartition("@")
        if parseaddr(address)[1] != address or not local or not domain:
            raise SettingError(
                f"SETTLE_ANCHOR_MAIL has {address!r}, which is not an address. Set it to addresses like "
                "auditor@example.com, with commas between."
            )
    return found


def _container(environment: Mapping[str, str]) -> str:
    name = environment.get("SETTLE_ANCHOR_CONTAINER", "").strip()
    if not name:
        return ""
    if not _CONTAINER.fullmatch(name):
        raise SettingError(
            f"SETTLE_ANCHOR_CONTAINER is {name!r}. Set it to the name of a container: 3 to 63 lower-case "
            "letters, digits and single hyphens."
        )
    if name == environment.get("SETTLE_CONTAINER", "settle"):
        raise SettingError(
            f"SETTLE_ANCHOR_CONTAINER is {name!r}, where the ledgers are themselves. Set it to another one."
        )
    return name
