"""``dev.py run`` as a person uses it: the real storage, the real host, real signals."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from devtools.project import Project
from samples.generator import generate

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (Project.here().node_modules / "azurite").exists(), reason="Azurite is missing: run dev.py setup"
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve valid invoices, and a file that is none."""
    folder = tmp_path_factory.mktemp("invoices")
    for name, content in generate(12, seed=7):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "notes.txt").write_text("no invoice")
    return folder


@contextmanager
def _dev_run(*arguments: object) -> Iterator["subprocess.Popen[str]"]:
    command = [
        sys.executable,
        str(ROOT / "dev.py"),
        "run",
        *map(str, arguments),
        "--fresh",
        "--host",
        "embedded",
    ]
    # As a shell does with programs in the background: SIGINT is ignored until the program wants it.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    signal.signal(signal.SIGINT, before)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _read_until_up(process: "subprocess.Popen[str]") -> str:
    """What it prints until it stays up."""
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("Settle is up"):
            return said
    raise AssertionError(said)


def _documents(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _throw_away_folders() -> set[Path]:
    return set((ROOT / ".state").glob("fresh-*"))


def test_once_shows_every_document_and_ends_with_zero(folder: Path) -> None:
    """The summary is whole, and nothing of the run is left."""
    before = _throw_away_folders()
    with _dev_run(folder, "--once") as process:
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, said
    for name in _documents(folder):
        assert f"\n{name} " in said
    assert "13 documents: 12 valid, 1 unreadable" in said
    for kind in ("html", "json", "csv", "xlsx"):
        assert f"report?format={kind}" in said
    assert _throw_away_folders() <= before


@pytest.mark.parametrize(
    ("signum", "exit_code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_no_process_is_left_behind(folder: Path, signum: signal.Signals, exit_code: int) -> None:
    """Ctrl-C, a service manager's SIGTERM, or ``kill -9``: Azurite, the host and its workers end as well."""
    with _dev_run(folder) as process:
        _read_until_up(process)
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) >= 4, "two guards, Azurite, the host"
        process.send_signal(signum)
        assert process.wait(30) == exit_code
        _, alive = psutil.wait_procs(started, timeout=20)
        assert not alive


def test_two_runs_side_by_side_choose_different_ports(folder: Path) -> None:
    """With data of their own they do not disturb each other."""
    with _dev_run(folder) as first, _dev_run(folder) as second:
        addresses = [re.search(r"Settle is up at (\S+)/api", _read_until_up(one)) for one in (first, second)]
        assert all(addresses)
        assert len({address[1] for address in addresses if address}) == 2


def test_keys_are_asked_for_where_that_is_wanted(folder: Path) -> None:
    """`--auth`: the API is closed without a key, and the report that is printed asks for a person instead."""
    with _dev_run(folder, "--auth") as process:
        said = _read_until_up(process)
        found = re.search(r"Report +(http://\S+)", said)
        assert found, said
        report = requests.get(found[1], timeout=30, allow_redirects=False)
        assert (report.status_code, report.headers["Location"].partition("?")[0]) == (303, "/sign-in")
        batch = found[1].partition("/report?")[0].replace("/batches/", "/api/batches/")
        assert requests.get(batch, timeout=30).status_code == 401
        keys = re.search(r"the keys are in (\S+)\.$", said, re.MULTILINE)
        assert keys, said
        shown = {"x-functions-key": json.loads((ROOT / keys[1]).read_text())["function"]}
        assert requests.get(batch, headers=shown, timeout=30).status_code == 200
        data = (ROOT / keys[1]).parent.parent
        written = [path for path in data.rglob("*") if path.exists()]
        assert {"state.db", "keys.json", "azurite.log", "host.log"} <= {path.name for path in written}
        assert [path for path in written if path.stat().st_mode & 0o077] == [], "for their owner alone"


def test_a_folder_without_documents_is_told_before_anything_starts(tmp_path: Path) -> None:
    """Exit code 1, what is wrong, and what to do."""
    with _dev_run(tmp_path, "--once") as process:
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "There are no documents" in said
    assert "What to do:" in said


def test_the_ledgers_of_a_run_that_took_other_ports_are_proved(folder: Path) -> None:
    """Of that run and no other: the address is printed, and the number is that of its invoices."""
    with _dev_run(folder) as process:
        said = _read_until_up(process)
        waiting = re.search(r"\((\d+) invoices wait", said)
        assert waiting, said
        command = [sys.executable, str(ROOT / "dev.py"), "verify-ledger"]
        proof = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE_SECONDS, check=False
        )
    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert f"All {waiting[1]} ledgers are whole." in proof.stdout
    assert re.search(r"account devstoreaccount1 at http://127\.0\.0\.1:\d+/", proof.stdout)
