"""An absence: who is away until when, and who decides meanwhile."""

from __future__ import annotations

from datetime import datetime

from pydantic.dataclasses import dataclass

from invoicing.records.base import Moment


@dataclass(frozen=True)
class Absence:
    """`who` is away until `until`, and `to` decides meanwhile."""

    who: str
    to: str
    until: Moment
    created: Moment

    def active(self, now: datetime) -> bool:
        """Say whether it counts at a moment."""
        return now < self.until
