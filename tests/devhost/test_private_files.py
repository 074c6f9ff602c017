"""What the host writes is for its owner alone, whatever the umask of who started it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from devhost.errors import StateFileInUse
from devhost.http.keys import load_keys
from devhost.state.files import make_private, make_private_folder, write_private
from devhost.state.store import Store
from tests.devhost.server_kit import Server, write_app
from tests.file_modes import generous_umask, mode_of

APP = """
@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer")
def yearly(timer: func.TimerRequest) -> None:
    pass
"""


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """Everything that is made here could be read by everybody."""
    with generous_umask():
        yield


def test_everything_that_a_host_keeps_is_its_owners_alone(tmp_path: Path) -> None:
    """State with its log, keys, timers, and the file for who started it."""
    folder = tmp_path / "kept"
    options = ("--state", str(folder / "state.db"), "--auth")
    with Server(write_app(tmp_path / "app", APP), tmp_path / "work", *options) as server:
        found = {path.name: mode_of(path) for path in folder.iterdir()}
        assert {"state.db", "state.db-wal", "keys.json", "timers.json"} <= set(found)
        assert set(found.values()) == {"0o600"}
        assert mode_of(folder) == "0o700"
        assert mode_of(server.ready_file) == "0o600"


def test_files_that_others_could_read_are_closed_to_them(tmp_path: Path) -> None:
    """They may come from a copy, or have been unpacked."""
    state, keys = tmp_path / "state.db", tmp_path / "keys.json"
    Store.open(state).close()
    load_keys(keys)
    for path in (state, keys):
        path.chmod(0o644)
    Store.open(state).close()
    load_keys(keys)
    assert [mode_of(path) for path in (state, keys)] == ["0o600", "0o600"]


def test_file_in_use_keeps_its_lock(tmp_path: Path) -> None:
    """A process that opens and closes a file loses all its locks on it, SQLite's too."""
    state = tmp_path / "state.db"
    first = Store.open(state)
    for _ in range(2):
        with pytest.raises(StateFileInUse):
            Store.open(state)
    first.close()


def test_folder_that_is_there_keeps_its_rights(tmp_path: Path) -> None:
    """It may be one that is shared, such as /tmp."""
    shared = tmp_path / "shared"
    shared.mkdir(0o777)
    make_private_folder(shared)
    make_private_folder(tmp_path / "new" / "own")
    assert (mode_of(shared), mode_of(tmp_path / "new" / "own")) == ("0o777", "0o700")


def test_file_is_written_as_a_whole(tmp_path: Path) -> None:
    """Over an older one, and over half of one that a process left when it died."""
    path = tmp_path / "x.json"
    path.with_name(f"x.json.{os.getpid()}").write_text("half of it")
    path.write_text("old")
    write_private(path, "new")
    make_private(path)
    assert (path.read_text(), mode_of(path)) == ("new", "0o600")
    assert list(tmp_path.iterdir()) == [path]
