"""Checks and tests make no folder in the app's root: a host that runs there would start again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.project import Project
from devtools.setup import make_cache_folders

ROOT = Path(__file__).resolve().parents[2]
TEST = """
import function_app
from hypothesis import given, strategies


@given(strategies.text())
def test_text(text):
    assert function_app.NAME in f"{text}app"


def test_one_that_fails_is_remembered():
    assert False
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A project of the same settings, set up, with an app and one test."""
    folder = tmp_path / "project"
    (folder / "tests").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests")
    (folder / "tests" / "test_it.py").write_text(TEST)
    (folder / "function_app.py").write_text('"""An app."""\n\nNAME = "app"\n')
    make_cache_folders(Project(folder, folder))
    return folder


def _folders(root: Path) -> set[str]:
    return {one.name for one in root.iterdir() if one.is_dir()}


def _run(folder: Path, *arguments: str) -> int:
    own = ("HYPOTHESIS_STORAGE_DIRECTORY", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False).returncode


def test_a_test_run_makes_no_folder_in_the_root(copy: Path) -> None:
    """What Python, pytest and Hypothesis keep lies in folders that are there."""
    before = _folders(copy)
    assert _run(copy, "pytest") == pytest.ExitCode.TESTS_FAILED
    assert _folders(copy) == before
    assert list((copy / "__pycache__").iterdir())
    assert {one.name for one in (copy / ".state" / "cache").iterdir()} >= {"pytest", "hypothesis"}


def test_a_test_run_that_makes_a_folder_there_fails(copy: Path) -> None:
    """Also one whose tests are good."""
    test = copy / "tests" / "test_it.py"
    test.write_text("import pathlib\n\n\ndef test_it():\n    pathlib.Path('reports').mkdir(exist_ok=True)\n")
    assert _run(copy, "pytest") == pytest.ExitCode.TESTS_FAILED
    assert _run(copy, "pytest") == pytest.ExitCode.OK


def test_the_linter_makes_no_folder_in_the_root(copy: Path) -> None:
    """Its cache lies with the others."""
    before = _folders(copy)
    assert _run(copy, "ruff", "check", "function_app.py") == 0
    assert _folders(copy) == before
    assert (copy / ".state" / "cache" / "ruff").is_dir()
