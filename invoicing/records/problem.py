"""Why something did not come about, for callers and for people."""

from __future__ import annotations

from invoicing.records.base import Record


class Problem(Record):
    """`code` is for programs, `message` for people: what is wrong, and what to do."""

    code: str
    message: str
