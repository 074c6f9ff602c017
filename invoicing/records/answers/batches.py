"""What the API says of batches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from invoicing.records.answers.common import CallbackUrl, Damaged, Links, TimeInMilliseconds, Whole
from invoicing.records.base import Record
from invoicing.records.batch_steps import ApprovalsState
from invoicing.records.problem import Problem

BatchState = Literal["running", "completed", "failed", "stopped", "stopping", "missing"]

#: States in which a batch changes no more.
ENDED: tuple[BatchState, ...] = ("completed", "stopped", "failed")


class BatchAccepted(Record):
    """A batch that was taken in, now or before."""

    id: str
    status: BatchState
    created: TimeInMilliseconds
    links: Links


class BatchStatus(Record):
    """How far a batch is, apart from where to go on."""

    id: Annotated[str, Field(json_schema_extra={"pattern": "^b[0-9a-f]{24}$"})]
    status: BatchState
    phase: Annotated[str, Field(description="The step while it runs, else the status.")]
    done: Whole
    total: Whole
    counts: Annotated[dict[str, Whole], Field(description="Documents by outcome.")]
    created: TimeInMilliseconds
    source: Annotated[str | None, Field(description="The name of what was sent, or the place it came from.")]
    approvals: ApprovalsState | None
    error: Problem | None

    @property
    def has_ended(self) -> bool:
        """Whether it changes no more."""
        return self.status in ENDED


class Batch(BatchStatus):
    """How far a batch is."""

    links: Links


class Batches(Record):
    """A page of the list of batches, the newest first."""

    batches: tuple[Batch, ...]
    damaged: Damaged
    links: Links


class BatchFromContainer(Record, extra="forbid"):
    """Documents that lie in a container of the app's storage account."""

    container: Annotated[str, Field(max_length=63)]
    prefix: Annotated[str, Field(max_length=1024)] = ""
    wait: Annotated[bool, Field(description="End only when people have decided.")] = False
    approval: Annotated[bool, Field(description="false: check only.")] = True
    callback_url: CallbackUrl = ""
