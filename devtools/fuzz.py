"""``dev.py fuzz``: runs tests/fuzz over everything that takes in bytes from outside."""

from collections.abc import Sequence

from devtools import setup
from devtools.console import Console
from devtools.processes import run_in_terminal
from devtools.project import Project


def fuzz(project: Project, console: Console, arguments: Sequence[str]) -> int:
    """Run it with the arguments of ``tests/fuzz/__main__.py``; returns 1 where something was found."""
    setup.set_up(project, console, development=True)
    command = [str(project.python), "-m", "tests.fuzz", *arguments]
    return run_in_terminal(command, cwd=project.root, env=project.environment())
