"""The work itself and nothing else: read and check documents in a few processes, no storage, no workflow."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.pool import Pool

from adapters.settings import from_environment
from invoicing.assess import Checker, row

Documents = list[tuple[str, bytes]]
_checker: Checker


def _start() -> None:
    global _checker
    _checker = Checker(from_environment({"AzureWebJobsStorage": "unused"}).rules_folder)


def _check(job: tuple[int, str, bytes]) -> bytes:
    n, name, content = job
    return row(n, name, content, _checker.assess(name, content)).as_json()


class BareLoop:
    """A warm pool of processes that check documents."""

    def __init__(self, processes: int, warm_up: Documents) -> None:
        # spawn: as the host starts its workers, and no memory is shared with this process
        self._pool: Pool = multiprocessing.get_context("spawn").Pool(processes, _start)
        for _ in range(2):
            self.seconds(warm_up)

    def seconds(self, documents: Documents) -> float:
        """How long the pool takes to read and check these documents."""
        jobs = [(n, name, content) for n, (name, content) in enumerate(documents, start=1)]
        began = time.perf_counter()
        rows = list(self._pool.imap_unordered(_check, jobs, chunksize=10))
        took = time.perf_counter() - began
        if len(rows) != len(documents):
            raise RuntimeError(f"{len(rows)} rows for {len(documents)} documents")
        return took

    def close(self) -> None:
        """End the processes."""
        self._pool.terminate()
        self._pool.join()
