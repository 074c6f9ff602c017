"""Which storage `dev.py verify-ledger` proves: that of a run on whatever ports, or the one it is told."""

import io
import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from devtools import (
    azurite,
    cli,
    ledger,
    ledger_key,
    local_settings,
    locks,
    private_files,
    run,
    run_record,
    setup,
)
from devtools.console import Console
from devtools.errors import DevError
from devtools.ledger import Place, VerifyOptions
from devtools.project import Project

RUNS, USUAL = azurite.connection_string(31, 32, 33), azurite.connection_string(*azurite.DEFAULT_PORTS)
ACCOUNT = "AccountName=theirs;AccountKey=c2VjcmV0"
ROOT = Path(__file__).resolve().parents[2]


class FakeAzurite:
    """An Azurite that only has a connection string."""

    connection_string = azurite.connection_string(41, 42, 43)

    def __enter__(self) -> "FakeAzurite":
        return self

    def __exit__(self, *_: object) -> None:
        """End."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose settings mean the local storage, with an Azurite that starts at once."""
    (tmp_path / "local.settings.json").write_text('{"Values": {}}')
    monkeypatch.setattr(azurite, "start", lambda project, preferred: FakeAzurite())
    monkeypatch.setattr(ledger, "START_SECONDS", 0.05)
    monkeypatch.setattr(ledger, "POLL_SECONDS", 0.01)
    return Project(tmp_path, tmp_path)


def _place(project: Project, environment: dict[str, str] | None = None, **options: str) -> Place:
    with ExitStack() as stack:
        console = Console(io.StringIO(), terminal=False)
        found = VerifyOptions(storage=options.get("storage"), container=options.get("container"))
        return ledger.find(stack, project, console, found, environment or {})


def _find(project: Project, environment: dict[str, str] | None = None, **options: str) -> tuple[str, str]:
    place = _place(project, environment, **options)
    return place.storage, place.container


@contextmanager
def _run_that_is_up(project: Project, storage: str = RUNS, container: str = "settle") -> Iterator[None]:
    """What a run does: it holds the lock and notes what it uses."""
    with run.only_run(project, Console(io.StringIO(), terminal=False)):
        run_record.write(project, storage=storage, container=container, azurite=storage != ACCOUNT)
        yield


def test_storage_of_the_run_that_is_up_is_proved(project: Project) -> None:
    """On its ports, not on the usual ones, where somebody else's data may be."""
    with _run_that_is_up(project):
        assert _find(project) == (RUNS, "settle")
    with _run_that_is_up(project, ACCOUNT, "invoices"):
        assert _find(project) == (ACCOUNT, "invoices")


def test_data_that_a_run_left_is_proved_on_an_azurite_of_its_own(project: Project) -> None:
    """The ports of the run that has ended may belong to somebody else by now."""
    project.azurite_data.mkdir()
    with _run_that_is_up(project, container="invoices"):
        pass
    assert _find(project) == (FakeAzurite.connection_string, "invoices")


def test_account_that_the_last_run_used_is_proved_although_settings_changed(project: Project) -> None:
    """What a run used counts, not what the next one would use."""
    with _run_that_is_up(project, ACCOUNT):
        pass
    assert _find(project) == (ACCOUNT, "settle")


def test_another_storage_can_be_named(project: Project) -> None:
    """By the command first, then by the environment; the short form means the usual ports."""
    with _run_that_is_up(project):
        assert _find(project, storage="mine", container="c") == ("mine", "c")
        assert _find(project, {"SETTLE_STORAGE": ACCOUNT}) == (ACCOUNT, "settle")
        assert _find(project, {"SETTLE_STORAGE": ACCOUNT}, storage="mine") == ("mine", "settle")
        assert _find(project, storage="UseDevelopmentStorage=true") == (USUAL, "settle")
        assert _find(project, container="c") == (RUNS, "c")


def test_account_and_container_of_the_settings_are_proved_where_no_run_was(project: Project) -> None:
    """The settings of the file count as those of the environment do."""
    values = {"AzureWebJobsStorage": "host", "SETTLE_STORAGE": ACCOUNT, "SETTLE_CONTAINER": "invoices"}
    (project.root / "local.settings.json").write_text(json.dumps({"Values": values}))
    assert _find(project) == (ACCOUNT, "invoices")
    assert _find(project, {"SETTLE_CONTAINER": "other"}) == (ACCOUNT, "other")


def test_without_any_data_nothing_is_proved(project: Project) -> None:
    """It is said, with what to do."""
    with pytest.raises(DevError, match="no data to prove"):
        _find(project)


def test_run_with_data_of_its_own_is_proved_while_it_is_up(project: Project) -> None:
    """Of several, one has to be named; keys of accounts are not shown."""
    fresh = [Project(project.root, project.root / ".state" / f"fresh-{name}") for name in "ab"]
    project.azurite_data.mkdir()
    with _run_that_is_up(fresh[0]):
        assert _find(project) == (RUNS, "settle")
        with _run_that_is_up(fresh[1], ACCOUNT), pytest.raises(DevError, match="2 runs") as caught:
            _find(project)
    details = " ".join(caught.value.details)
    assert "31" in details
    assert "c2VjcmV0" not in details
    assert _find(project) == (FakeAzurite.connection_string, "settle")


def test_note_of_an_earlier_run_does_not_count_for_the_command_that_holds_the_data_now(
    project: Project,
) -> None:
    """The run before used other ports, and this one has not noted its own yet."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from devtools import run_record\n"
        "from devtools.project import Project\n"
        "import pathlib; here = pathlib.Path(sys.argv[2])\n"
        "run_record.write(Project(here, here), storage='old', container='settle', azurite=True)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(ROOT), str(project.root)], check=True)
    with (
        run.only_run(project, Console(io.StringIO(), terminal=False)),
        pytest.raises(DevError, match="uses the data and says no storage"),
    ):
        _find(project)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"process": 1}', '{"process":1,"storage":2,"container":"c","azurite":true}']
)
def test_note_that_cannot_be_read_is_none(project: Project, text: str) -> None:
    """A run was killed while it wrote, or somebody edited the file."""
    project.run_record.parent.mkdir()
    project.run_record.write_text(text)
    assert run_record.read(project) is None


def test_note_of_a_run_is_for_its_owner_only(project: Project) -> None:
    """It holds the key of an account; a longer old note leaves nothing behind."""
    for storage in (ACCOUNT * 5, ACCOUNT):
        run_record.write(project, storage=storage, container="settle", azurite=False)
        assert stat.S_IMODE(project.run_record.stat().st_mode) == 0o600
    record = run_record.read(project)
    assert record is not None
    assert record.storage == ACCOUNT
    assert [one.name for one in project.state.iterdir()] == ["run.json"]
    run_record.forget(project)
    run_record.forget(project)
    assert run_record.read(project) is None


def test_private_file_is_not_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails leaves the old file, and no half one."""
    file = tmp_path / "file"
    private_files.write(file, "old")

    def full(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(private_files.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        private_files.write(file, "new")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("file", "old")]


def test_looking_who_holds_a_lock_changes_nothing(tmp_path: Path) -> None:
    """The text stays for who comes next, and no file is made."""
    file = tmp_path / "lock"
    assert locks.holder(file) is None
    assert not file.exists()
    with locks.exclusive(file, when_taken=lambda _: None, text="17"):
        assert locks.holder(file) == "17"
        assert not locks.is_free(file)
    assert locks.holder(file) is None
    assert file.read_text() == "17"


def test_local_storage_of_the_documents_is_the_azurite_of_the_run(tmp_path: Path) -> None:
    """Its short form means the usual ports; a run that took others passes on its own."""
    values = {"AzureWebJobsStorage": ACCOUNT, "SETTLE_STORAGE": "usedevelopmentstorage=true;"}
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": values}))
    settings = local_settings.read(Project(tmp_path, tmp_path), {})
    assert settings.wants_azurite
    assert (settings.host_storage(RUNS), settings.documents_storage(RUNS)) == (ACCOUNT, RUNS)
    plain = local_settings.LocalSettings(1, local_settings.LOCAL_STORAGE)
    assert (plain.host_storage(RUNS), plain.documents_storage(RUNS)) == (RUNS, RUNS)


def test_verifying_hands_over_the_account_under_every_name_it_is_looked_for(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable of the environment cannot turn the proof to another account."""
    given: dict[str, str] = {}
    monkeypatch.setattr(ledger.setup, "set_up", lambda *_, **__: None)
    monkeypatch.setattr(ledger, "run_in_terminal", lambda command, cwd, env: given.update(env) or 7)
    monkeypatch.setenv("AzureWebJobsStorage", "another")
    with _run_that_is_up(project, container="invoices"):
        assert ledger.verify(project, Console(io.StringIO(), terminal=False), VerifyOptions()) == 7
    assert (given["AzureWebJobsStorage"], given["SETTLE_STORAGE"]) == (RUNS, RUNS)
    assert given["SETTLE_CONTAINER"] == "invoices"
    assert given["SETTLE_LEDGER_KEY"] == ""


def test_verifying_without_data_is_no_success(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2: nothing was proved."""
    monkeypatch.setattr(ledger.setup, "set_up", lambda *_, **__: None)
    output = io.StringIO()
    assert ledger.verify(project, Console(output, terminal=False), VerifyOptions()) == 2
    assert "no data to prove" in output.getvalue()


# the key


def test_run_makes_its_key_once_and_only_its_owner_may_read_it(project: Project) -> None:
    """The proof of a later day needs the same key."""
    settings = local_settings.read(project, {})
    key = ledger_key.ensure(project, settings)
    assert len(key) >= 32
    assert stat.S_IMODE(project.ledger_key.stat().st_mode) == 0o600
    assert ledger_key.ensure(project, settings) == key == ledger_key.known(project, settings)


def test_key_that_was_set_signs_and_that_of_earlier_runs_is_still_believed(project: Project) -> None:
    """Whoever sets a key later can prove what was signed before; a set key makes no file."""
    named = local_settings.LocalSettings(1, local_settings.LOCAL_STORAGE, ledger_key="NEW OLD")
    assert ledger_key.ensure(project, named) == "NEW OLD"
    assert not project.ledger_key.exists()
    own = ledger_key.ensure(project, local_settings.read(project, {}))
    assert ledger_key.ensure(project, named) == f"NEW OLD {own}"


def test_key_is_that_of_the_run_that_is_proved(project: Project) -> None:
    """A run with data of its own has a key of its own."""
    fresh = Project(project.root, project.root / ".state" / "fresh-a")
    with _run_that_is_up(fresh):
        assert _place(project).project == fresh
    with _run_that_is_up(project):
        assert _place(project).project == project


def test_key_goes_with_the_data_it_signed(project: Project) -> None:
    """Cleaning deletes both; a key that signed ledgers in a named account stays."""
    console = Console(io.StringIO(), terminal=False)
    for storage, stays in ((RUNS, False), (ACCOUNT, True)):
        ledger_key.ensure(project, local_settings.read(project, {}))
        with _run_that_is_up(project, storage):
            pass
        setup.clean(project, console, everything=False)
        assert project.ledger_key.exists() == stays
        assert not project.run_record.exists()


def test_key_that_cannot_be_read_is_told(project: Project) -> None:
    """With the setting that does instead."""
    project.state.mkdir()
    project.ledger_key.write_bytes(b"\xff")
    with pytest.raises(DevError, match="cannot be read") as caught:
        ledger_key.ensure(project, local_settings.read(project, {}))
    assert "SETTLE_LEDGER_KEY" in caught.value.hint


# anchors


def test_files_of_anchors_are_handed_over_by_their_whole_path(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command that proves works in another folder than the person who calls it."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    kept = tmp_path / "elsewhere" / "kept.gz"
    kept.write_bytes(b"")
    called: list[str] = []
    monkeypatch.setattr(ledger.setup, "set_up", lambda *_, **__: None)
    monkeypatch.setattr(ledger, "run_in_terminal", lambda command, cwd, env: called.extend(command) or 0)
    options = VerifyOptions(
        storage=ACCOUNT, allow_unsigned=True, anchors=["kept.gz", "ab" * 32], export_anchor=Path("new.gz")
    )
    ledger.verify(project, Console(io.StringIO(), terminal=False), options)
    assert called[3:] == [
        "--allow-unsigned",
        *("--anchor", str(kept), "--anchor", "ab" * 32),
        *("--export-anchor", str(kept.with_name("new.gz"))),
    ]


@pytest.mark.parametrize("text", ["nothing.gz", "ab" * 31, "."])
def test_anchor_that_is_neither_a_file_nor_a_hash_is_refused(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that was mistyped must not pass for a proof."""
    with pytest.raises(SystemExit) as ended:
        cli.build_parser().parse_args(["verify-ledger", "--anchor", text])
    assert ended.value.code == 2
    assert "neither a file nor a SHA-256" in capsys.readouterr().err
