"""Where things are: the folders and files that the commands work with."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from devtools import locks, private_files

_FRESH = "fresh-"
# A run that has just begun has made its folder and does not hold its lock yet.
_YOUNG_SECONDS = 60.0


@dataclass(frozen=True)
class Project:
    """The folder of the project, and the folder that holds data (documents, workflow state, logs).

    ``data`` is the project's folder itself, except for runs that shall leave nothing behind.
    """

    root: Path
    data: Path

    @classmethod
    def here(cls) -> Self:
        """The project that this file belongs to."""
        root = Path(__file__).resolve().parent.parent
        return cls(root, root)

    @contextmanager
    def throw_away_data(self) -> "Iterator[Project]":
        """The same project with an empty data folder, which is deleted at the end."""
        parent = self.root / ".state"
        private_files.folder(parent)
        _remove_abandoned(parent)
        with tempfile.TemporaryDirectory(prefix=_FRESH, dir=parent, ignore_cleanup_errors=True) as folder:
            yield Project(self.root, Path(folder))

    @property
    def venv(self) -> Path:
        """The virtual environment."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The interpreter of the virtual environment."""
        return self.venv / "bin" / "python"

    @property
    def node_modules(self) -> Path:
        """What npm installed: Azurite and pyright."""
        return self.root / "node_modules"

    @property
    def rules(self) -> Path:
        """The official rules, as ``rules.lock`` pins them."""
        return self.root / ".rules"

    @property
    def azurite_data(self) -> Path:
        """What Azurite keeps: every document and result."""
        return self.data / ".azurite"

    @property
    def host_state(self) -> Path:
        """What the embedded host keeps: every workflow and where it is."""
        return self.data / ".devhost" / "state.db"

    @property
    def state(self) -> Path:
        """Locks of the commands and logs of the programs they start."""
        return self.data / ".state"

    @property
    def cache_folders(self) -> list[Path]:
        """Where Python keeps the modules of the root, and where pytest, Hypothesis and ruff keep theirs."""
        return [self.root / "__pycache__", self.root / ".state" / "cache"]

    @property
    def run_lock(self) -> Path:
        """The lock of the run that uses the data."""
        return self.state / "run.lock"

    @property
    def run_record(self) -> Path:
        """Which storage the last run on the data used."""
        return self.state / "run.json"

    @property
    def ledger_key(self) -> Path:
        """What runs on the data sign ledgers with; never in the storage."""
        return self.state / "ledger.key"

    @property
    def throw_away_projects(self) -> "list[Project]":
        """The same project with the data of each run that began with empty data and may be up."""
        folders = sorted((self.root / ".state").glob(f"{_FRESH}*"))
        return [Project(self.root, folder) for folder in folders]

    def log(self, name: str) -> Path:
        """The log file of one program."""
        return self.state / "logs" / f"{name}.log"

    def shown(self, path: Path) -> str:
        """The path as one would type it in the project's folder."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    def environment(self, **more: str) -> dict[str, str]:
        """This process's environment with the virtual environment activated, and ``more``."""
        path = os.pathsep.join([str(self.venv / "bin"), os.environ.get("PATH", os.defpath)])
        environment = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(self.venv), **more}
        environment.pop("PYTHONHOME", None)
        return environment


def _remove_abandoned(parent: Path) -> None:
    """Delete the data folders of runs that were killed: nobody holds their lock."""
    for folder in parent.glob(f"{_FRESH}*"):
        age = time.time() - folder.stat().st_mtime
        if age > _YOUNG_SECONDS and locks.is_free(Project(parent, folder).run_lock):
            shutil.rmtree(folder, ignore_errors=True)
