"""What Settle may cost in log lines and storage requests; `docs/budget.md` says what is counted, and how.

Requests are those of the app itself. The figures of `BEFORE` were counted by `benchmarks/_counting.py` at the
commit before messages were gathered, and are bounds since: what is added has to be saved elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Requests:
    """Requests for the sample batch, and for 1,000 invoices that are only checked, or also approved."""

    samples: int
    checked: int
    approved: int


BEFORE = Requests(samples=1_082, checked=171, approved=33_046)

#: Log lines of the app for the sample batch at the default level, with its 30 approvals and their messages.
LINES_OF_SAMPLES = 5

#: Storage requests in 30 seconds in which nothing happens: the app's own (the supervisor looks), and those of
#: the host (it listens to two queues).
IDLE_APP = 4
IDLE_HOST = 40
