"""Settings of the sweep: which container, when, for how long, and what becomes of the blobs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from adapters.setting_values import SettingError, between

_CONTAINER = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]")
_SCHEDULE = "0 0 2 * * *"
_PART = re.compile(r"[0-9*/,\-A-Za-z]{1,60}")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}/")

AtOnce = Literal["", "poll", "EventGrid"]
"""Whether a blob is taken as soon as it lies there: not, where the host looks again and again, or where Event
Grid tells."""


@dataclass(frozen=True)
class SweepSettings:
    """The sweep. `minutes`: how long one takes new documents; `most`: how many.

    `clear`: blobs are deleted once the batch is stored for good. `prefix`: what lies below it is taken at
    once, where that is asked for.
    """

    container: str = "inbox"
    minutes: int = 60
    most: int = 100_000
    clear: bool = False
    prefix: str = "now/"


def read_sweep(environment: Mapping[str, str]) -> SweepSettings:
    """Read them; raises SettingError where one cannot be used."""
    schedule = environment.get("SETTLE_SWEEP_SCHEDULE", "").strip()
    if schedule and schedule != "off" and not _is_schedule(schedule):
        raise SettingError(
            f"SETTLE_SWEEP_SCHEDULE is {schedule!r}. Set it to six fields with spaces between (second, "
            f"minute, hour, day, month, weekday), to off, or remove it ({_SCHEDULE})."
        )
    _at_once(environment, strict=True)
    return SweepSettings(
        container=_container(environment),
        minutes=between(environment, "SETTLE_SWEEP_MINUTES", 60, 1, 24 * 60),
        most=between(environment, "SETTLE_SWEEP_DOCUMENTS", 100_000, 1, 100_000),
        clear=_clear(environment),
        prefix=_prefix(environment, strict=True),
    )


def sweep_schedule(environment: Mapping[str, str] = os.environ) -> str | None:
    """When the sweep starts; None: never of itself.

    Functions are registered with it, so one that cannot be used is left out here, and told by `read_sweep`.
    """
    text = environment.get("SETTLE_SWEEP_SCHEDULE", "").strip()
    if text == "off":
        return None
    return text if _is_schedule(text) else _SCHEDULE


def sweep_at_once(environment: Mapping[str, str] = os.environ) -> tuple[AtOnce, str, str]:
    """Whether blobs are taken at once, below which path, and the setting with the connection."""
    container = environment.get("SETTLE_SWEEP_CONTAINER", "").strip() or "inbox"
    path = f"{container}/{_prefix(environment, strict=False)}{{name}}"
    connection = "SETTLE_STORAGE" if environment.get("SETTLE_STORAGE") else "AzureWebJobsStorage"
    return _at_once(environment, strict=False), path, connection


def _is_schedule(text: str) -> bool:
    fields = text.split()
    return len(fields) == 6 and all(_PART.fullmatch(field) for field in fields)


def _at_once(environment: Mapping[str, str], *, strict: bool) -> AtOnce:
    text = environment.get("SETTLE_SWEEP_AT_ONCE", "").strip()
    known = {"": "", "off": "", "poll": "poll", "eventgrid": "EventGrid"}.get(text.lower())
    if known is None:
        if strict:
            raise SettingError(
                f"SETTLE_SWEEP_AT_ONCE is {text!r}. Set it to poll or EventGrid, or remove it (off)."
            )
        known = ""
    return cast(AtOnce, known)


def _container(environment: Mapping[str, str]) -> str:
    name = environment.get("SETTLE_SWEEP_CONTAINER", "").strip() or "inbox"
    if not _CONTAINER.fullmatch(name):
        raise SettingError(
            f"SETTLE_SWEEP_CONTAINER is {name!r}. Set it to the name of a container: 3 to 63 lower-case "
            "letters, digits and single hyphens."
        )
    if name == environment.get("SETTLE_CONTAINER", "settle"):
        raise SettingError(
            f"SETTLE_SWEEP_CONTAINER is {name!r}, where the app keeps its own blobs. Set it to another one."
        )
    for setting in ("SETTLE_ARCHIVE_CONTAINER", "SETTLE_ANCHOR_CONTAINER"):
        if name == environment.get(setting, "").strip():
            raise SettingError(f"SETTLE_SWEEP_CONTAINER is {name!r}, as {setting} is. Set it to another one.")
    return name


def _clear(environment: Mapping[str, str]) -> bool:
    text = environment.get("SETTLE_SWEEP_AFTER", "").strip().lower() or "keep"
    if text not in ("keep", "delete"):
        raise SettingError(f"SETTLE_SWEEP_AFTER is {text!r}. Set it to keep or delete, or remove it (keep).")
    return text == "delete"


def _prefix(environment: Mapping[str, str], *, strict: bool) -> str:
    text = environment.get("SETTLE_SWEEP_NOW", "").strip() or "now/"
    if not _PREFIX.fullmatch(text):
        if strict:
            raise SettingError(
                f"SETTLE_SWEEP_NOW is {text!r}. Set it to the name of a folder with a slash at its end, or "
                "remove it (now/)."
            )
        return "now/"
    return text
