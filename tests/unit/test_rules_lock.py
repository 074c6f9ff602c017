"""The lock file of the official rules and the fetcher, with wheels made here: no network."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from invoicing.rules import fetch as fetch_module
from invoicing.rules.fetch import FetchError, fetch, main, pip_download, wheels_from
from invoicing.rules.lock import BadLock, Lock, default_lock_path, load_lock, verify

CONTENT = {"pkg/a.xsl": b"<a/>", "pkg/deep/b.xsd": b"<b/>", "pkg/unused.txt": b"no"}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _wheel(folder: Path) -> Path:
    path = folder / "pkg-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in CONTENT.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with one wheel."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    _wheel(folder)
    return folder


@pytest.fixture
def lock_file(tmp_path: Path, wheels: Path) -> Path:
    """A lock file that takes two files out of that wheel."""
    path = tmp_path / "rules.lock"
    wheel = next(wheels.iterdir())
    path.write_text(
        f"""
[[package]]
name = "pkg"
version = "1.0"
wheel = "{wheel.name}"
sha256 = "{_sha256(wheel.read_bytes())}"
[[package.file]]
source = "pkg/a.xsl"
target = "xslt/a.xsl"
sha256 = "{_sha256(CONTENT["pkg/a.xsl"])}"
[[package.file]]
source = "pkg/deep/b.xsd"
target = "schema/b.xsd"
sha256 = "{_sha256(CONTENT["pkg/deep/b.xsd"])}"
"""
    )
    return path


@pytest.fixture
def lock(lock_file: Path) -> Lock:
    """The same, loaded."""
    return load_lock(lock_file)


def test_only_the_listed_files_are_taken(tmp_path: Path, wheels: Path, lock: Lock) -> None:
    """Wheels hold much more than the rules."""
    into = tmp_path / "rules"
    assert fetch(into, lock, wheels_from(wheels))
    taken = sorted(path.relative_to(into).as_posix() for path in into.rglob("*") if path.is_file())
    assert taken == ["schema/b.xsd", "xslt/a.xsl"]
    assert verify(into, lock) == []


def test_a_folder_that_is_right_is_left_alone(tmp_path: Path, wheels: Path, lock: Lock) -> None:
    """The second run costs a few hashes and no network."""
    into = tmp_path / "rules"
    fetch(into, lock, wheels_from(wheels))

    def never(*_: object) -> Path:
        raise AssertionError("downloaded again")

    assert not fetch(into, lock, never)


@pytest.mark.parametrize("damage", ["change", "remove"])
def test_a_damaged_folder_is_found_and_mended(tmp_path: Path, wheels: Path, lock: Lock, damage: str) -> None:
    """Changed or missing files are named, and scratch folders are cleaned up."""
    into = tmp_path / "rules"
    fetch(into, lock, wheels_from(wheels))
    file = into / "xslt/a.xsl"
    file.write_bytes(b"<evil/>") if damage == "change" else file.unlink()
    assert [problem.split()[0] for problem in verify(into, lock)] == ["xslt/a.xsl"]
    assert fetch(into, lock, wheels_from(wheels))
    assert verify(into, lock) == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("rules-")] == []


def test_another_wheel_than_the_locked_one_is_refused_and_nothing_changes(
    tmp_path: Path, wheels: Path, lock: Lock
) -> None:
    """Whoever replaces a wheel replaces the law."""
    into = tmp_path / "rules"
    wheel = next(wheels.iterdir())
    wheel.write_bytes(wheel.read_bytes() + b" ")
    with pytest.raises(FetchError, match="SHA-256 differs"):
        fetch(into, lock, wheels_from(wheels))
    assert not into.exists()


def test_a_wheel_without_the_listed_file_is_an_error(tmp_path: Path, wheels: Path, lock_file: Path) -> None:
    """The lock file and the package do not fit."""
    lock_file.write_text(lock_file.read_text().replace("pkg/a.xsl", "pkg/gone.xsl"))
    with pytest.raises(FetchError, match=r"gone\.xsl"):
        fetch(tmp_path / "rules", load_lock(lock_file), wheels_from(wheels))


def test_the_command_says_what_to_do_when_a_wheel_is_not_there(
    tmp_path: Path, lock_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and one clear line."""
    empty = tmp_path / "empty"
    empty.mkdir()
    arguments = ["--into", str(tmp_path / "rules"), "--lock", str(lock_file), "--wheels", str(empty)]
    assert main(arguments) == 1
    assert "has no pkg-1.0-py3-none-any.whl" in capsys.readouterr().err


def test_the_command_fetches_and_then_has_nothing_to_do(
    tmp_path: Path, lock_file: Path, wheels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run twice, it says so."""
    arguments = ["--into", str(tmp_path / "rules"), "--lock", str(lock_file), "--wheels", str(wheels)]
    assert main(arguments) == 0
    assert "fetched" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "in place" in capsys.readouterr().out


def test_a_failed_download_names_the_package_and_the_ways_out(
    tmp_path: Path, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline machines are common where invoices are paid."""

    def offline(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "WARNING: x\nERROR: No matching distribution")

    monkeypatch.setattr(fetch_module.subprocess, "run", offline)
    with pytest.raises(FetchError) as caught:
        pip_download(lock.packages[0], tmp_path)
    text = str(caught.value)
    assert all(part in text for part in ("pkg==1.0", "No matching distribution", "PIP_INDEX_URL", "--wheels"))


def test_pip_is_asked_to_check_the_hash(tmp_path: Path, lock: Lock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a file of another origin is even unpacked."""
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetch_module.subprocess, "run", run)
    assert pip_download(lock.packages[0], tmp_path) == tmp_path / "pkg-1.0-py3-none-any.whl"
    assert "--require-hashes" in asked[0]
    assert lock.packages[0].sha256 in Path(asked[0][-1]).read_text()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[[package]]", "[[other]]", r"no \[\[package\]\]"),
        ('version = "1.0"', "", "no version"),
        ('"xslt/a.xsl"', '"../a.xsl"', "leads out"),
        ('"xslt/a.xsl"', '"/a.xsl"', "leads out"),
        ("sha256 = ", "sha256 = 1 # ", "no sha256"),
        ('name = "pkg"', "name =", "Cannot read"),
    ],
)
def test_a_wrong_lock_file_is_told_where(lock_file: Path, old: str, new: str, words: str) -> None:
    """The message names the entry; targets stay below the rules folder."""
    lock_file.write_text(lock_file.read_text().replace(old, new))
    with pytest.raises(BadLock, match=words):
        load_lock(lock_file)


def test_a_short_hash_in_the_lock_file_is_refused(lock_file: Path) -> None:
    """A prefix would be no check."""
    digest = _sha256(CONTENT["pkg/a.xsl"])
    lock_file.write_text(lock_file.read_text().replace(digest, digest[:10]))
    with pytest.raises(BadLock, match="64 lower-case hex digits"):
        load_lock(lock_file)


def test_the_projects_lock_names_schemas_and_rules_of_both_syntaxes() -> None:
    """The lock file in the repository is well formed."""
    targets = {file.target for file in load_lock(default_lock_path()).files}
    assert {
        "schema/ubl/maindoc/UBL-Invoice-2.1.xsd",
        "schema/cii/CrossIndustryInvoice_100pD22B.xsd",
        "xslt/EN16931-UBL-validation.xsl",
        "xslt/XRechnung-CII-validation.xsl",
    } <= targets


def test_lock_and_fetch_run_without_any_package_installed() -> None:
    """The development command uses them before there is an environment with packages."""
    code = "import invoicing.rules.lock, invoicing.rules.fetch, sys; sys.exit('lxml' in sys.modules)"
    root = default_lock_path().parent
    command = [sys.executable, "-S", "-c", code]
    assert subprocess.run(command, cwd=root, check=False).returncode == 0
