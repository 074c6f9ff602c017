"""``dev.py bench``: runs the programs of benchmarks/; each starts what it needs."""

from collections.abc import Sequence

from devtools import setup
from devtools.console import Console
from devtools.errors import DevError
from devtools.processes import run_in_terminal
from devtools.project import Project


def names(project: Project) -> list[str]:
    """The benchmarks there are: the modules of benchmarks/ whose names do not begin with an underscore."""
    return sorted(path.stem for path in (project.root / "benchmarks").glob("[!_]*.py"))


def bench(project: Project, console: Console, name: str | None, arguments: Sequence[str]) -> int:
    """Run one benchmark, or all; returns the exit code of the last one that failed, else 0."""
    known = names(project)
    if name is not None and name not in known:
        raise DevError(
            f"There is no benchmark {name!r}.", hint=f"name one of: {', '.join(known) or 'none yet'}"
        )
    setup.set_up(project, console, development=True)
    codes = [_run(project, console, one, arguments) for one in ([name] if name else known)]
    return next((code for code in reversed(codes) if code), 0)


def _run(project: Project, console: Console, name: str, arguments: Sequence[str]) -> int:
    console.line(console.paint(f"benchmarks/{name}.py", "bold"))
    command = [str(project.python), "-m", f"benchmarks.{name}", *arguments]
    return run_in_terminal(command, cwd=project.root, env=project.environment())
