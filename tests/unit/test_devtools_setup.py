"""Setting up does each part once, again when its lock changed, and never takes a half-made part for whole.

The programs it calls are small scripts that write down how they were called.
"""

import io
import sys
from pathlib import Path

import pytest

from devtools import setup
from devtools.console import Console
from devtools.errors import CommandFailed, DevError
from devtools.locks import exclusive
from devtools.project import Project
from devtools.stamps import Stamp

RECORD = 'echo "$(basename "$0") $*" >> "$CALLS"\n'
FAIL_WHEN_TOLD = 'if [ -e "$CALLS.fail-$(basename "$0")" ]; then echo "no route to host"; exit 1; fi\n'


class Workbench:
    """A project folder with lock files, and stand-ins for Python, node and npm."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls_file = folder / "calls"
        self.project = Project(folder / "project", folder / "project")
        self.output = io.StringIO()
        self._programs = folder / "bin"
        for name in (
            "requirements.txt",
            "requirements-dev.txt",
            "package.json",
            "package-lock.json",
            "rules.lock",
        ):
            self.write(name, "1")
        self.program("node", 'echo "${NODE_VERSION:-v20.1.0}"\n')
        self.program("npm", RECORD + FAIL_WHEN_TOLD + "rm -rf node_modules && mkdir node_modules\n")
        self.program("interpreter", RECORD + FAIL_WHEN_TOLD + "mkdir -p .rules\n")
        self.program("base", RECORD + 'mkdir -p "$3/bin" && cp "$INTERPRETER" "$3/bin/python"\n')
        monkeypatch.setenv("CALLS", str(self.calls_file))
        monkeypatch.setenv("INTERPRETER", str(self._programs / "interpreter"))
        monkeypatch.setenv("PATH", f"{self._programs}:/usr/bin:/bin")
        monkeypatch.setattr(sys, "_base_executable", str(self._programs / "base"))

    def write(self, name: str, text: str) -> None:
        path = self.project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def program(self, name: str, code: str) -> None:
        path = self._programs / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{code}")
        path.chmod(0o755)

    def fail(self, name: str, *, fail: bool = True) -> None:
        marker = self.calls_file.with_name(f"calls.fail-{name}")
        marker.touch() if fail else marker.unlink()

    def set_up(self, *, development: bool = False) -> list[str]:
        """Run it; returns what was called, in short words, sorted since npm runs beside the rest."""
        self.calls_file.write_text("")
        setup.set_up(self.project, Console(self.output, terminal=False), development=development)
        return sorted(_short(line) for line in self.calls_file.read_text().splitlines())


def _short(call: str) -> str:
    for words, name in (
        ("-m venv", "venv"),
        ("requirements-dev.txt", "pip both"),
        ("requirements.txt", "pip runtime"),
        ("invoicing.rules.fetch", "rules"),
        ("npm ci --ignore-scripts ", "npm"),
    ):
        if words in call:
            return name
    return call


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """An empty project with stand-ins on the PATH."""
    return Workbench(tmp_path, monkeypatch)


def test_the_first_run_makes_everything_and_the_second_does_nothing(bench: Workbench) -> None:
    """The second says nothing either."""
    assert bench.set_up() == ["npm", "pip runtime", "rules", "venv"]
    said = bench.output.getvalue()
    assert bench.set_up() == []
    assert bench.output.getvalue() == said


def test_development_packages_come_on_top_and_serve_the_runs_too(bench: Workbench) -> None:
    """Going back and forth between run and test installs nothing."""
    bench.set_up()
    assert bench.set_up(development=True) == ["pip both"]
    assert bench.set_up() == []
    assert bench.set_up(development=True) == []


@pytest.mark.parametrize(
    ("lock", "called"),
    [
        ("requirements.txt", ["pip runtime"]),
        ("requirements-dev.txt", []),
        ("package-lock.json", ["npm"]),
        ("package.json", ["npm"]),
        ("rules.lock", ["rules"]),
    ],
)
def test_a_changed_lock_brings_its_own_part_up_to_date_only(
    bench: Workbench, lock: str, called: list[str]
) -> None:
    """A run does not care for the development packages."""
    bench.set_up(development=True)
    bench.write(lock, "2")
    assert bench.set_up() == called
    assert bench.set_up() == []


def test_new_runtime_pins_bring_the_development_packages_up_to_date_as_well(bench: Workbench) -> None:
    """The two sets were locked together."""
    bench.set_up(development=True)
    bench.write("requirements.txt", "2")
    bench.set_up()
    assert bench.set_up(development=True) == ["pip both"]


def test_a_failed_installation_is_told_and_done_again(bench: Workbench) -> None:
    """The other parts, which went well, are kept."""
    bench.fail("npm")
    with pytest.raises(CommandFailed) as caught:
        bench.set_up()
    assert "npm ci" in caught.value.message
    assert caught.value.details == ["no route to host"]
    assert "network" in caught.value.hint
    bench.fail("npm", fail=False)
    assert bench.set_up() == ["npm"]


def test_a_virtual_environment_whose_making_was_interrupted_is_made_from_scratch(bench: Workbench) -> None:
    """pip takes a package with missing files for installed."""
    bench.fail("python")
    with pytest.raises(CommandFailed):
        bench.set_up()
    leftover = bench.project.venv / "half-installed"
    leftover.touch()
    bench.fail("python", fail=False)
    assert "venv" in bench.set_up()
    assert not leftover.exists()
    assert not list(bench.project.root.glob(".venv-old-*"))


def test_a_virtual_environment_of_another_python_is_made_again(bench: Workbench) -> None:
    """Compiled packages fit one version of Python only."""
    bench.set_up()
    Stamp(bench.project.venv).finish({"python": "3.9"})
    assert bench.set_up() == ["pip runtime", "venv"]
    assert "made with Python 3.9" in bench.output.getvalue()


def test_a_virtual_environment_that_someone_else_made_is_kept(bench: Workbench) -> None:
    """The packages are installed into it."""
    bench.set_up()
    (bench.project.venv / ".settle-setup.json").unlink()
    theirs = bench.project.venv / "theirs"
    theirs.touch()
    assert bench.set_up() == ["pip runtime"]
    assert theirs.exists()


def test_an_old_or_missing_node_is_told_before_anything_is_installed(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits a minute to learn that something is missing."""
    monkeypatch.setenv("NODE_VERSION", "v18.19.0")
    with pytest.raises(DevError, match=r"v18\.19\.0 is too old") as old:
        bench.set_up()
    assert "20 or newer" in old.value.hint
    assert bench.calls_file.read_text() == ""
    monkeypatch.setenv("PATH", str(bench.project.root))
    with pytest.raises(DevError, match="was not found"):
        bench.set_up()


def test_two_commands_do_not_set_up_at_once(bench: Workbench) -> None:
    """The second one says that it waits. Here its waiting is cut short, or the test would wait as well."""

    class Waited(Exception):
        pass

    def waited(text: str) -> None:
        raise Waited(text)

    lock = bench.project.root / "lock"
    with (
        exclusive(lock, when_taken=waited, text="first"),
        pytest.raises(Waited, match="first"),
        exclusive(lock, when_taken=waited),
    ):
        pytest.fail("both hold the lock")
    with exclusive(lock, when_taken=waited):
        pass


@pytest.mark.parametrize(
    ("printed", "major"), [("v20.20.2", 20), ("v8.0.0", 8), ("22.1.0", 22), ("", 0), ("nightly", 0)]
)
def test_the_major_version_of_node(printed: str, major: int) -> None:
    """What cannot be read counts as too old."""
    assert setup.node_major(printed) == major


def test_a_damaged_stamp_counts_as_none(tmp_path: Path) -> None:
    """The folder is then made again."""
    stamp = Stamp(tmp_path)
    stamp.finish({"lock": "1"})
    assert stamp.read() == {"lock": "1"}
    assert not stamp.unfinished
    (tmp_path / ".settle-setup.json").write_text("{")
    assert stamp.read() == {}
    assert stamp.unfinished


def test_clean_deletes_what_runs_left_and_keeps_what_was_installed(bench: Workbench) -> None:
    """With everything, the installed parts go too."""
    bench.set_up()
    project, console = bench.project, Console(bench.output, terminal=False)
    bench.write(".azurite/blob", "x")
    bench.write(".devhost/state.db", "x")
    setup.clean(project, console, everything=False)
    left = {path.name for path in project.root.iterdir()}
    assert {".venv", "node_modules", ".rules"} <= left
    assert not left & {".azurite", ".devhost", ".state"}
    setup.clean(project, console, everything=True)
    assert not {path.name for path in project.root.iterdir()} & {".venv", "node_modules", ".rules"}
