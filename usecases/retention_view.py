"""What is said of retention: the settings in force, the last runs, and what is held."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.retention_settings import RetentionSettings
from adapters.services import Services
from invoicing.records.retention import Hold, RetentionRun
from stores import holds, retention_runs

#: Runs and records of holds that are told.
RUNS, HOLDS = 10, 500


@dataclass(frozen=True)
class RetentionSeen:
    """The newest run first; holds that hold now first. `damaged`: names of records that cannot be read."""

    settings: RetentionSettings
    container: str
    runs: list[RetentionRun]
    holds: list[Hold]
    damaged: list[str]


def retention_seen(services: Services) -> RetentionSeen:
    """Read all of it."""
    settings = services.settings.retention
    runs = retention_runs.newest(services.blobs, RUNS)
    held = holds.all_of(services.blobs, HOLDS)
    return RetentionSeen(
        settings=settings,
        container=settings.archive_container or services.settings.container,
        runs=runs.found,
        holds=held.found,
        damaged=runs.damaged + held.damaged,
    )
