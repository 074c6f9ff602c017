"""Core Tools are started and ended so that no orchestration fails of it: with a stand-in for `func`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools import host
from devtools.host import Host, HostOptions
from devtools.ports import wait_until
from devtools.processes import Program
from devtools.project import Project

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = ROOT / "tests" / "fakes" / "core_tools.py"
OPTIONS = HostOptions("func", 0, "UseDevelopmentStorage=true")


@pytest.fixture
def func(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `func` on the PATH."""
    return _installed(tmp_path / "bin" / "func", monkeypatch)


def _installed(program: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return program


@pytest.fixture
def project(tmp_path: Path, func: Path) -> Project:
    """A folder for logs and state."""
    return Project(tmp_path, tmp_path)


@pytest.fixture
def running(project: Project) -> Iterator[Host]:
    """The stand-in, up and well."""
    with host.start(project, OPTIONS) as started:
        yield started


def _log(project: Project) -> list[str]:
    return project.log("host").read_text().splitlines()


def _workers(project: Project) -> list[int]:
    return [int(pid) for pid in _log(project)[0].split()[1:]]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] in "ZX"


def test_a_stop_is_quick_and_costs_no_instance(running: Host, project: Project) -> None:
    """SIGINT goes to Core Tools alone: they end their workers when nothing is at work any more."""
    workers = _workers(project)
    assert all(map(_alive, workers))
    began = time.monotonic()
    running.program.stop()
    assert time.monotonic() - began < 5
    assert running.program.exit_code == 0
    assert _log(project)[1:] == ["stopped"]
    assert not any(map(_alive, workers))


def test_sigterm_to_the_group_would_cost_instances(running: Host, project: Project) -> None:
    """What is avoided can be seen with the stand-in: the workers end first."""
    os.killpg(os.getpgid(_workers(project)[0]), signal.SIGTERM)
    assert wait_until(lambda: sum("an instance failed" in line for line in _log(project)) == 2, timeout=10)
    assert running.program.running


def test_who_ignores_sigint_is_ended_with_all_that_it_started(project: Project, func: Path) -> None:
    """After the time of grace, and all at once."""
    log = project.log("host")
    command = [str(func), "start", "--port", "0"]
    environment = {**os.environ, "STUBBORN": "1"}
    program = Program(command, log=log, env=environment, grace=0.3, ends_its_children=True)
    assert wait_until(lambda: log.exists() and log.read_text().startswith("workers"), timeout=10)
    workers = _workers(project)
    program.stop()
    assert program.exit_code == 128 + signal.SIGKILL
    assert wait_until(lambda: not any(map(_alive, workers)), timeout=5)
    assert len(_log(project)) == 1


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_core_tools_end_in_good_order_when_dev_py_dies(project: Project, signum: signal.Signals) -> None:
    """Whatever ended it: the guard notices and asks as it would have."""
    code = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from devtools import host
from devtools.project import Project
host.start(Project(Path({str(project.root)!r}), Path({str(project.root)!r})), host.HostOptions("func", 0, ""))
print("up", flush=True)
time.sleep(60)
"""
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"up\n"
    workers = _workers(project)
    starter.send_signal(signum)
    starter.communicate(timeout=10)
    assert wait_until(lambda: not any(map(_alive, workers)), timeout=10)
    assert wait_until(lambda: _log(project)[1:] == ["stopped"], timeout=10)


def test_the_program_behind_the_script_of_npm_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script may end on a signal that its program never gets to see."""
    package = tmp_path / "node_modules" / "azure-functions-core-tools"
    script = package / "lib" / "main.js"
    script.parent.mkdir(parents=True)
    script.write_text("#!/usr/bin/env node\n")
    script.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "func").symlink_to(script)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert host.core_tools() == str(tmp_path / "bin" / "func")  # its program has not been fetched yet
    program = package / "bin" / "func"
    program.parent.mkdir()
    program.write_text("")
    program.chmod(0o755)
    assert host.core_tools() == str(program)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert host.core_tools() is None
