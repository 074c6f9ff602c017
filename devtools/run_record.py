"""What a run uses is written down, so that other commands look at the same storage and not at another one."""

import json
import os
from dataclasses import asdict, dataclass

from devtools import locks, private_files
from devtools.project import Project


@dataclass(frozen=True)
class RunRecord:
    """The storage of a run.

    `process`: the run's process. `storage`: the connection string of the account that holds the documents
    and ledgers. `container`: its container. `azurite`: the account is the Azurite which that run started.
    """

    process: int
    storage: str
    container: str
    azurite: bool


def write(project: Project, *, storage: str, container: str, azurite: bool) -> None:
    """Note what this process uses. The file holds the key of the account: only its owner may read it."""
    record = RunRecord(os.getpid(), storage, container, azurite)
    private_files.write(project.run_record, json.dumps(asdict(record)))


def forget(project: Project) -> None:
    """Remove what the run before noted: it may use other ports now."""
    project.run_record.unlink(missing_ok=True)


def read(project: Project) -> RunRecord | None:
    """What the last run on this data used; None where no run has noted it, or the note cannot be read."""
    try:
        record = RunRecord(**json.loads(project.run_record.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    texts = isinstance(record.storage, str) and isinstance(record.container, str)
    return record if texts and isinstance(record.process, int) and isinstance(record.azurite, bool) else None


def of_run_that_is_up(project: Project) -> RunRecord | None:
    """What the run that is up uses; None where none is up, or where it has not got so far yet.

    Other commands hold the same lock, and a note may be that of a run which has ended: the process decides.
    """
    holder = locks.holder(project.run_lock)
    record = read(project)
    return record if holder is not None and record is not None and str(record.process) == holder else None
