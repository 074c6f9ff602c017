"""Worker processes are killed all the time, on a host that runs all code of the app in them.

It is the hard day of the real host: there, an orchestration whose worker dies is Failed for good. Everything
has to come to its end all the same, and each side effect once. Longer, by command:

    SETTLE_LOST_DOCUMENTS=500 SETTLE_LOST_SECONDS=60 python3 dev.py test tests/crash/test_lost_workers.py
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from samples.generator import generate
from tests.crash.hosts import KillableHost
from tests.crash.watching import PATIENCE, asked, killing, until_all_wait, until_nothing_failed

pytestmark = pytest.mark.slow

DOCUMENTS = int(os.environ.get("SETTLE_LOST_DOCUMENTS", "60"))
SECONDS = float(os.environ.get("SETTLE_LOST_SECONDS", "20"))
#: Between two kills.
EVERY = 2.0
SWITCHES = ("--orchestrators-in-workers", "--http-in-workers", "--early-timers")


def test_everything_ends_though_workers_are_killed_all_the_time(tmp_path: Path, storage: str) -> None:
    """A batch whose invoices all need people: it is reported, each waits, and nothing stays failed."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    host = KillableHost(tmp_path, storage, *SWITCHES)
    host.start()
    try:
        documents = list(generate(DOCUMENTS, seed=seed))
        status_url = host.send(documents, approval=True)
        with killing(host, EVERY, seed):
            time.sleep(SECONDS)
        batch = host.wait(status_url, seconds=PATIENCE)
        assert batch["status"] == "completed", batch
        assert batch["counts"] == {"valid": DOCUMENTS}

        waiting = until_all_wait(host, DOCUMENTS)
        assert len({one["ref"] for one in waiting}) == DOCUMENTS, "an invoice has two approvals"
        for one in waiting[:: max(1, DOCUMENTS // 20)]:
            kinds = Counter(entry["kind"] for entry in asked(host, f"approvals/{one['approval']}")["history"])
            assert kinds == {"opened": 1, "stage_opened": 1}
        until_nothing_failed(host, tmp_path)
    finally:
        host.stop()
