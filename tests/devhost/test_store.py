"""The state file: what is written together, read back, and refused."""

import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from devhost import timestamps
from devhost.engine.models import EntityFilter, InstanceFilter, RuntimeStatus
from devhost.errors import StateFileError, StateFileInUse, StateFileVersion
from devhost.state.records import ActivityTask, InstanceRecord, TimerRecord
from devhost.state.schema import SCHEMA_VERSION
from devhost.state.store import Store

_SECOND = timestamps.SECOND


def _record(
    instance_id: str, status: RuntimeStatus = RuntimeStatus.RUNNING, **fields: object
) -> InstanceRecord:
    record = InstanceRecord(instance_id, "e1", "O", "1.0", status, '"5"', None, None, 10, 20)
    return record.changed(**fields)


def _put(store: Store, *records: InstanceRecord) -> None:
    with store.transaction() as transaction:
        for record in records:
            transaction.put_instance(record)


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    """Instances, history in order, messages, activities and timers."""
    path = tmp_path / "state.db"
    record = _record("i1", output="plain", custom_status="{}", state=None)
    store = Store.open(path)
    with store.transaction() as transaction:
        transaction.put_instance(record)
        transaction.append_history("i1", '{"n":1},{"n":2}')
        transaction.append_history("i1", '{"n":3}')
        transaction.add_message("i1", "e1", "{}")
        transaction.add_message("i1", None, "{}", due=99)
        transaction.add_activities([ActivityTask("i1", "e1", 0, "A", "null")])
        transaction.add_timers([TimerRecord("i1", "e1", 1, 77, 70)])
    store.close()
    store = Store.open(path)
    assert store.instance("i1") == record
    assert store.instance_with_history("i1") == (record, '[{"n":1},{"n":2},{"n":3}]')
    assert [(m.execution_id, m.due) for m in store.messages()] == [("e1", None), (None, 99)]
    assert store.activities() == [ActivityTask("i1", "e1", 0, "A", "null")]
    assert store.timers() == [TimerRecord("i1", "e1", 1, 77, 70)]
    assert store.last_stamp() == 20
    store.close()


def test_a_transaction_that_raises_leaves_no_trace() -> None:
    """Not even its first half."""
    store = Store.open(None)

    def write() -> None:
        with store.transaction() as transaction:
            transaction.put_instance(_record("i1"))
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write()
    assert store.instance("i1") is None
    _put(store, _record("i2"))
    assert store.instance("i2") is not None


def test_deleting_an_instance_deletes_all_that_belongs_to_it() -> None:
    """And nothing else."""
    store = Store.open(None)
    for name in ("i1", "i2"):
        with store.transaction() as transaction:
            transaction.put_instance(_record(name))
            transaction.append_history(name, "{}")
            transaction.add_message(name, None, "{}")
            transaction.add_activities([ActivityTask(name, "e1", 0, "A", None)])
            transaction.add_timers([TimerRecord(name, "e1", 1, 5, 1)])
    with store.transaction() as transaction:
        transaction.delete_instance("i1")
    assert store.instance("i1") is None
    assert store.history("i1") == "[]"
    left = (store.messages(), store.activities(), store.timers())
    assert [[one.instance_id for one in rows] for rows in left] == [["i2"]] * 3


def test_a_second_host_on_the_same_file_is_refused(tmp_path: Path) -> None:
    """With a text that says what to do; after the first one has closed it, the file is free."""
    path = tmp_path / "state.db"
    first = Store.open(path)
    with pytest.raises(StateFileInUse, match="in use by another host"):
        Store.open(path)
    first.close()
    Store.open(path).close()


def test_a_killed_host_gives_back_the_file(tmp_path: Path) -> None:
    """The lock belongs to the process, and what was committed stays."""
    path = tmp_path / "state.db"
    script = (
        "import sys, os, signal; from devhost.state.store import Store; s = Store.open(sys.argv[1])\n"
        "with s.transaction() as t: t.append_history('i1', '{}')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", script, str(path)], cwd=root, check=False, timeout=30)
    store = Store.open(path)
    assert store.history("i1") == "[{}]"
    store.close()


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    """Rather than misread."""
    path = tmp_path / "state.db"
    Store.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StateFileVersion, match=f"has format 999; this host writes format {SCHEMA_VERSION}"):
        Store.open(path)


def test_a_file_that_is_no_state_file_is_refused(tmp_path: Path) -> None:
    """Neither text nor a database of someone else is touched."""
    text = tmp_path / "notes.txt"
    text.write_text("these are notes, long enough not to be taken for an empty file" * 20)
    with pytest.raises(StateFileVersion, match="no state file of this host"):
        Store.open(text)
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(StateFileVersion, match="a database, but no state file"):
        Store.open(other)
    assert text.read_text().startswith("these are notes")


def _filled(path: Path) -> bytes:
    store = Store.open(path)
    with store.transaction() as transaction:
        for number in range(500):
            transaction.append_history(f"i{number}", '{"text": "%s"}' % ("x" * 1000))
    store.close()
    return path.read_bytes()


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, part: float) -> None:
    """A copy that was not finished, say; the text tells what to do, and the file is left as it is."""
    path = tmp_path / "state.db"
    content = _filled(path)
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(StateFileError, match=r"state\.db is damaged or cut off .*Put back a copy"):
        Store.open(path)
    assert path.read_bytes() == content[: int(len(content) * part)]


def test_a_file_with_nonsense_in_the_middle_is_refused(tmp_path: Path) -> None:
    """At the start, not when the first instance is read from there."""
    path = tmp_path / "state.db"
    content = _filled(path)
    middle = len(content) // 2 // 4096 * 4096
    path.write_bytes(content[:middle] + b"\x5a" * 8192 + content[middle + 8192 :])
    with pytest.raises(StateFileError, match="is damaged or cut off"):
        Store.open(path)


def test_a_file_of_a_killed_host_is_no_damaged_one(tmp_path: Path) -> None:
    """What it wrote last lies in a file beside it, and is taken in."""
    path = tmp_path / "state.db"
    script = (
        "import os, sys; from devhost.state.store import Store; store = Store.open(sys.argv[1])\n"
        "for n in range(3000):\n"
        "    with store.transaction() as t: t.append_history('i', '{\"n\": %d}' % n)\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], cwd=Path(__file__).parents[2], check=False)
    store = Store.open(path)
    assert store.history("i").endswith('{"n": 2999}]')
    store.close()


def test_a_file_in_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """With the name of the file."""
    with pytest.raises(StateFileError, match=r"nowhere.state\.db"):
        Store.open(tmp_path / "nowhere" / "state.db")


def test_full_sync_is_an_option(tmp_path: Path) -> None:
    """The state is the same; only the wait for the disk differs."""
    store = Store.open(tmp_path / "state.db", full_sync=True)
    _put(store, _record("i1"))
    assert store.instance("i1") is not None
    store.close()


def test_the_hook_sees_each_commit() -> None:
    """Before and after, with its number; what it raises before a commit undoes it."""
    seen: list[tuple[str, int]] = []
    store = Store.open(None, hook=lambda when, number: seen.append((when, number)))
    _put(store, _record("i1"))
    _put(store, _record("i2"))
    assert seen == [("before", 1), ("after", 1), ("before", 2), ("after", 2)]
    assert store.commits == 2


def test_instances_are_listed_page_by_page_in_the_order_of_their_ids() -> None:
    """The last id of a page is the token of the next."""
    store = Store.open(None)
    _put(store, *(_record(f"i{n}") for n in range(5)))
    page, more = store.instances(InstanceFilter(top=3))
    assert ([one.instance_id for one in page], more) == (["i0", "i1", "i2"], True)
    page, more = store.instances(InstanceFilter(top=3, token="i2"))
    assert ([one.instance_id for one in page], more) == (["i3", "i4"], False)


def test_instances_are_filtered_by_prefix_status_and_time() -> None:
    """A prefix is text: % and _ mean themselves, and case counts."""
    store = Store.open(None)
    _put(
        store,
        _record("a%1", created=_SECOND),
        _record("ab1", created=3 * _SECOND),
        _record("A%2", RuntimeStatus.FAILED, created=5 * _SECOND),
    )

    def ids(**wanted: object) -> list[str]:
        return [one.instance_id for one in store.instances(InstanceFilter(**wanted))[0]]  # pyright: ignore[reportArgumentType]

    second = timestamps.to_datetime(0) + timedelta(seconds=1)
    assert ids(prefix="a%") == ["a%1"]
    assert ids(statuses=(RuntimeStatus.FAILED,)) == ["A%2"]
    assert ids(created_from=second, created_to=second + timedelta(seconds=2)) == ["a%1", "ab1"]


def test_entities_are_listed_by_name_while_they_exist() -> None:
    """An entity without a state has been deleted."""
    store = Store.open(None)
    _put(
        store,
        _record("@a@1", state="5", updated=_SECOND),
        _record("@a@2", state=None),
        _record("@ab@1", state="7", updated=3 * _SECOND),
        _record("x", state=None),
    )

    def ids(**wanted: object) -> list[str]:
        return [one.instance_id for one in store.entities(EntityFilter(**wanted))[0]]  # pyright: ignore[reportArgumentType]

    assert ids() == ["@a@1", "@ab@1"]
    assert ids(name="A") == ["@a@1"]
    assert ids(last_operation_from=timestamps.to_datetime(2 * _SECOND)) == ["@ab@1"]


def test_reads_and_writes_from_many_threads_do_not_mix() -> None:
    """A reader sees whole transactions: two rows that are always changed together are always equal."""
    store = Store.open(None)
    _put(store, _record("i1", updated=0), _record("i2", updated=0))
    torn: list[tuple[int, ...]] = []

    def read() -> None:
        for _ in range(200):
            pair = tuple(one.updated for one in store.instances(InstanceFilter())[0])
            if len(set(pair)) != 1:
                torn.append(pair)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for n in range(200):
        _put(store, _record("i1", updated=n), _record("i2", updated=n))
    for reader in readers:
        reader.join()
    assert torn == []
