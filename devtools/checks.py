"""``dev.py check`` and ``dev.py test``: lint, format, types, tests; each a step with its time."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devtools import azurite, setup
from devtools.console import Console, duration
from devtools.errors import CommandFailed, DevError
from devtools.http_client import HttpClient
from devtools.processes import run_in_terminal, run_step
from devtools.project import Project

STORAGE_VARIABLE = "SETTLE_TEST_STORAGE"
HOST_VARIABLE = "SETTLE_E2E_HOST"
# All tests share these processes: hosts wait much, so that three are quicker than two on two processors. What
# belongs to one host stays in one process (tests/conftest.py).
_SHARED = ("-n", "3", "--no-loadscope-reorder")
# Names that browsers go by, in the order in which the tests look for them.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Result:
    """How one step went; ``exit_code`` 0 is good."""

    name: str
    exit_code: int
    seconds: float


def check(project: Project, console: Console, pytest_arguments: Sequence[str]) -> int:
    """The quick half: lint, format, types and unit tests. Returns the exit code."""
    setup.set_up(project, console, development=True)
    results = run_static_checks(project, console)
    results.append(run_pytest(project, ["tests/unit", *pytest_arguments], {}))
    return conclude(results)


def test(project: Project, console: Console, pytest_arguments: Sequence[str]) -> int:
    """Everything: the static checks, then all tests with an Azurite of their own. Returns the exit code.

    With arguments, pytest gets these alone, and runs in one process.
    """
    setup.set_up(project, console, development=True)
    _install_browser(project, console)
    _install_mail_server(project, console)
    results = run_static_checks(project, console)
    with _test_storage(project, console) as storage:
        results.append(run_pytest(project, pytest_arguments or _SHARED, {STORAGE_VARIABLE: storage}))
    return conclude(results)


def test_host(project: Project, console: Console, url: str, pytest_arguments: Sequence[str]) -> int:
    """Only the end-to-end tests, against a host that someone else started; starts nothing itself."""
    _require_host(url)
    setup.set_up(project, console, development=True)
    results = [run_pytest(project, ["tests/e2e", *pytest_arguments], {HOST_VARIABLE: url})]
    return conclude(results)


def _require_host(url: str) -> None:
    """Raise DevError unless Settle answers there and is well."""
    try:
        HttpClient(url, timeout=30).get_json("/api/healthz")
    except OSError as error:
        raise DevError(
            f"There is no answer from {url}: {getattr(error, 'reason', error)}",
            hint="start the host, and see that the address is right",
        ) from error


def static_commands(project: Project) -> dict[str, list[str]]:
    """The checks that read the code without running it, by name."""
    python, pyright = str(project.python), str(project.node_modules / "pyright" / "index.js")
    return {
        "ruff check": [python, "-m", "ruff", "check", "."],
        "ruff format": [python, "-m", "ruff", "format", "--check", "."],
        "pyright": [shutil.which("node") or "node", pyright, "--pythonpath", python],
    }


def run_static_checks(project: Project, console: Console) -> list[Result]:
    """Run each static check; one that fails shows its output, and the next one runs all the same."""
    return [
        _static_check(project, console, name, command) for name, command in static_commands(project).items()
    ]


def _static_check(project: Project, console: Console, name: str, command: list[str]) -> Result:
    started, log = time.monotonic(), project.log(name.replace(" ", "-"))
    try:
        with console.step(name):
            run_step(command, log=log, hint="", cwd=project.root, env=project.environment())
    except CommandFailed:
        console.line(log.read_text("utf-8", "replace").rstrip())
        return Result(name, 1, time.monotonic() - started)
    return Result(name, 0, time.monotonic() - started)


def run_pytest(project: Project, arguments: Sequence[str], variables: Mapping[str, str]) -> Result:
    """Run pytest in this terminal with further environment variables."""
    started = time.monotonic()
    code = run_in_terminal(
        [str(project.python), "-m", "pytest", *arguments],
        cwd=project.root,
        env=project.environment(**variables),
    )
    return Result("pytest", code, time.monotonic() - started)


def conclude(results: Sequence[Result]) -> int:
    """Print the table of steps and return the exit code: pytest's where it failed, else 1 for any failure.

    The table goes to standard error, so that the closing line of pytest stays the last one on standard
    output, where tools look for it.
    """
    console = Console(sys.stderr)
    console.line()
    for result in results:
        show = console.failed if result.exit_code else console.done
        show(f"{result.name:<12}", result.seconds)
    console.line(f"          {'':<12}  {duration(sum(result.seconds for result in results))} in all")
    failures = [result.exit_code for result in results if result.exit_code]
    return failures[-1] if failures else 0


@contextmanager
def _test_storage(project: Project, console: Console) -> Iterator[str]:
    """The connection string of an empty Azurite, or the one that the environment names."""
    if named := os.environ.get(STORAGE_VARIABLE):
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="settle-azurite-", ignore_cleanup_errors=True) as folder:
        with console.step("starting Azurite for the tests", "Azurite for the tests"):
            storage = azurite.start(
                project, preferred=azurite.ANY_PORTS, data=Path(folder), log="test-azurite"
            )
        with storage:
            yield storage.connection_string


def _install_browser(project: Project, console: Console) -> None:
    """Install Chromium where that needs no question; without it the tests that need it are skipped."""
    if not any(shutil.which(name) for name in BROWSERS):
        _install(project, console, "chromium", "the tests that look at pages in a browser are skipped")


def _install_mail_server(project: Project, console: Console) -> None:
    """Install the IMAP server of the tests of invoices by mail, in the same way."""
    if not shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"):
        _install(project, console, "dovecot-imapd", "the tests at a real IMAP server are skipped")


def _install(project: Project, console: Console, package: str, without: str) -> None:
    """Install a package of Debian where that needs no question; `without` says what is missing else."""
    apt_get = shutil.which("apt-get")
    if apt_get is None or os.geteuid() != 0:
        console.note(f"no {package}: {without}")
        return
    environment = project.environment(DEBIAN_FRONTEND="noninteractive")
    log = project.log(f"setup-{package}")
    try:
        with console.step(f"apt-get install -y {package}"):
            for arguments in (["update"], ["install", "-y", "--no-install-recommends", package]):
                run_step([apt_get, *arguments], log=log, hint="", env=environment)
    except CommandFailed:
        console.note(f"{package} could not be installed: {without}")
