"""Settings of retention: how long each kind is kept, and where the archive is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from adapters.setting_values import SettingError, between, flag
from invoicing.retention.terms import Terms

_CONTAINER = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]")
_DAYS = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,6})?")


@dataclass(frozen=True)
class RetentionSettings:
    """Terms and archive.

    `archive_container`: "" for the app's own. `archive_documents`: the documents are archived as well.
    `seconds`: how long one run may take.
    """

    terms: Terms = field(default_factory=Terms)
    archive_container: str = ""
    archive_documents: bool = False
    seconds: int = 600


def read_retention(environment: Mapping[str, str]) -> RetentionSettings:
    """Read them; raises SettingError where one cannot be used."""
    return RetentionSettings(
        terms=Terms(
            batches=_days(environment, "SETTLE_KEEP_BATCHES_DAYS"),
            invoices=_days(environment, "SETTLE_KEEP_INVOICES_DAYS"),
            documents=_days(environment, "SETTLE_KEEP_DOCUMENTS_DAYS"),
            runs=_days(environment, "SETTLE_KEEP_RUNS_DAYS"),
            paid_after=_days(environment, "SETTLE_PAID_AFTER_DAYS"),
        ),
        archive_container=_container(environment),
        archive_documents=flag(environment, "SETTLE_ARCHIVE_DOCUMENTS"),
        seconds=between(environment, "SETTLE_RETENTION_SECONDS", 600, 10, 3000),
    )


def _days(environment: Mapping[str, str], name: str) -> timedelta | None:
    """A number of days, with a fraction where somebody tries it out; None where it is 0 or not set."""
    text = environment.get(name, "").strip()
    if not text:
        return None
    if not _DAYS.fullmatch(text):
        raise SettingError(
            f"{name} is {text!r}. Set it to a number of days up to 99999, or to 0 or nothing (for good)."
        )
    return timedelta(days=float(text)) or None


def _container(environment: Mapping[str, str]) -> str:
    name = environment.get("SETTLE_ARCHIVE_CONTAINER", "").strip()
    if name and not _CONTAINER.fullmatch(name):
        raise SettingError(
            f"SETTLE_ARCHIVE_CONTAINER is {name!r}. Set it to the name of a container: 3 to 63 lower-case "
            "letters, digits and single hyphens."
        )
    return name
