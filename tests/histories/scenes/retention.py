"""Retention: a run that was done, one whose time was used up, and one that waits for the storage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from devhost.testing import Host
from invoicing.records.retention_steps import RETENTION_INSTANCE
from tests.histories.kept import Keep, Recorded, of_host
from tests.orchestrators.test_retention import APP, away, begin, three_batches


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name."""

    def finished(host: Host) -> Keep:
        with three_batches(host) as here:
            begin(host, here)
            host.finish(RETENTION_INSTANCE)
        return {RETENTION_INSTANCE: "retention-finished"}

    def outage(host: Host) -> Keep:
        with three_batches(host) as here:
            with host.held():
                begin(host, here)
                here.blobs.fails = away
            host.advance(minutes=1)
        return {RETENTION_INSTANCE: "retention-outage-running"}

    def paused(host: Host) -> Keep:
        with three_batches(host, SETTLE_RETENTION_SECONDS="60") as here:
            with host.held():
                begin(host, here)
                here.blobs.fails = away
            host.advance(timedelta(minutes=10))
            here.blobs.come_back()
            host.advance(timedelta(minutes=10))
        return {RETENTION_INSTANCE: "retention-paused"}

    for play in (finished, outage, paused):
        yield of_host(version, APP, play)
