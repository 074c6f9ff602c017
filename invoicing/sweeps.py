"""Names of sweeps and of the batches that they make. Pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from invoicing.records.base import BatchId
from invoicing.records.batch import BatchSource
from invoicing.records.sweep import SweptBlob
from invoicing.records.sweep_steps import SweepJob

_LONGEST_SHOWN = 300


def sweep_name(container: str, begun: datetime) -> str:
    """The id of a sweep of all of a container."""
    utc = begun.astimezone(UTC)
    return f"sweep-{container}-{utc:%Y%m%dt%H%M%S}{utc.microsecond // 1000:03d}"


def lone_sweep_name(container: str, blob: SweptBlob) -> str:
    """The id of the sweep that takes one version of one blob."""
    text = "\0".join((container, blob.name, blob.etag))
    return f"sweep-{container}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def batch_of(sweep: str) -> BatchId:
    """The batch that a sweep makes."""
    return BatchId("b" + hashlib.sha256(f"sweep\0{sweep}".encode()).hexdigest()[:24])


def source_of(job: SweepJob, stored: datetime) -> BatchSource:
    """What the batch of a sweep says of where its documents come from."""
    name = f"{job.container}/{job.only}" if job.only else f"{job.container}, {stored.date().isoformat()}"
    return BatchSource("sweep", name[:_LONGEST_SHOWN], container=job.container)
