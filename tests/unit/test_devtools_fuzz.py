"""`dev.py fuzz`: what the command hands on."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools import cli, fuzz
from devtools.console import Console
from devtools.project import Project


@pytest.mark.parametrize(
    ("given", "handed_on"),
    [
        ([], ["--minutes", "1.0"]),
        (["--minutes", "0.5", "--target", "pdf"], ["--minutes", "0.5", "--target", "pdf"]),
        (
            ["--target", "pdf", "--again", "x"],
            ["--minutes", "1.0", "--target", "pdf", "--again", "x"],
        ),
    ],
)
def test_arguments_reach_the_program_in_the_virtual_environment(
    given: list[str], handed_on: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its exit code comes back."""
    run: list[list[str]] = []

    def in_terminal(command: list[str], **_: object) -> int:
        run.append(command)
        return 1

    monkeypatch.setattr(fuzz, "run_in_terminal", in_terminal)
    monkeypatch.setattr(fuzz.setup, "set_up", lambda *_, **__: None)
    project = Project(tmp_path, tmp_path)
    options = cli.build_parser().parse_args(["fuzz", *given])
    assert cli.dispatch(project, Console(), options, []) == 1
    assert run == [[str(project.python), "-m", "tests.fuzz", *handed_on]]
