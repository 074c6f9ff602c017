"""What `dev.py` and the programs that it starts write is for the owner alone, whatever the umask is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools import local_settings, locks, private_files
from devtools.processes import Program
from devtools.project import Project
from tests.file_modes import generous_umask, mode_of


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """Everything that is made here could be read by everybody."""
    with generous_umask():
        yield


def test_local_settings_are_made_for_the_owner_alone(tmp_path: Path) -> None:
    """People write keys of accounts into them."""
    (tmp_path / local_settings.EXAMPLE).write_text('{"Values": {}}')
    assert local_settings.ensure(Project(tmp_path, tmp_path))
    assert mode_of(tmp_path / local_settings.FILE) == "0o600"
    assert (tmp_path / local_settings.FILE).read_text() == '{"Values": {}}'


def test_logs_and_what_programs_write_are_the_owners(tmp_path: Path) -> None:
    """A log names invoices; storage and host keep them."""
    log = tmp_path / "logs" / "x.log"
    log.parent.mkdir()
    log.write_text("older")
    log.chmod(0o666)
    code = "import os; open('document', 'w').write('x'); os.mkdir('folder'); print('said')"
    Program([sys.executable, "-c", code], log=log, cwd=tmp_path, private=True).check("")
    assert log.read_text() == "said\n"
    assert [mode_of(path) for path in (log, tmp_path / "document")] == ["0o600", "0o600"]
    assert mode_of(tmp_path / "folder") == "0o700"


def test_locks_are_the_owners(tmp_path: Path) -> None:
    """They name the process that holds them."""
    with locks.exclusive(tmp_path / "run.lock", when_taken=pytest.fail):
        assert mode_of(tmp_path / "run.lock") == "0o600"


def test_folders_of_our_own_are_closed_to_others(tmp_path: Path) -> None:
    """New ones, and those that an earlier umask left open."""
    (tmp_path / "open").mkdir()
    for name in ("open", "new"):
        private_files.folder(tmp_path / name)
        assert mode_of(tmp_path / name) == "0o700"


def test_data_of_a_run_that_leaves_nothing_is_closed_meanwhile(tmp_path: Path) -> None:
    """The folder of all such runs, and that of this one."""
    with Project(tmp_path, tmp_path).throw_away_data() as fresh:
        assert [mode_of(path) for path in (tmp_path / ".state", fresh.data)] == ["0o700", "0o700"]
