"""Making what the commands need: the virtual environment, npm's tools, the official rules.

Each part is made again only when the lock file that describes it changed.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from devtools import ledger_key, private_files
from devtools.console import Console
from devtools.errors import DevError
from devtools.locks import exclusive
from devtools.processes import STEP_GRACE_SECONDS, Program, run_step
from devtools.project import Project
from devtools.stamps import Stamp, fingerprint

RUNTIME_LOCK = "requirements.txt"
DEVELOPMENT_LOCK = "requirements-dev.txt"
NPM_FILES = ("package.json", "package-lock.json")
RULES_LOCK = "rules.lock"
OLDEST_NODE = 20

_RETRY = "check that the network is there, then run the same command again"


def set_up(project: Project, console: Console, *, development: bool) -> None:
    """Make or bring up to date what is needed; well under a second when nothing changed.

    ``development`` adds what the checks and tests need. Raises DevError.
    """
    private_files.folder(project.root / ".state")
    make_cache_folders(project)
    with exclusive(
        project.root / ".state" / "setup.lock",
        when_taken=lambda _: console.note("Another command is setting up; waiting for it."),
    ):
        npm = _start_npm(project)
        try:
            _make_venv(project, console)
            _install_packages(project, console, development=development)
            _fetch_rules(project, console)
            if npm:
                _finish_npm(project, console, npm)
        finally:
            if npm:
                npm.stop()


def make_cache_folders(project: Project) -> None:
    """Make the folders that tools and Python keep caches in.

    Core Tools restart the host for each folder that appears in the app's root, as a test run would make them.
    """
    for folder in project.cache_folders:
        folder.mkdir(parents=True, exist_ok=True)


def _version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _make_venv(project: Project, console: Console) -> None:
    """A virtual environment of the running Python, unless there is a good one."""
    stamp = Stamp(project.venv)
    made_with = stamp.read().get("python", _version())
    if project.python.exists() and made_with == _version() and not stamp.unfinished:
        return
    _remove_old_venvs(project)
    if project.venv.exists():
        if made_with != _version():
            console.note(f".venv was made with Python {made_with}; it is made again with {_version()}.")
        # Moved away in one step: a deletion that is interrupted would leave an environment with holes.
        project.venv.rename(project.root / f".venv-old-{os.getpid()}")
        _remove_old_venvs(project)
    stamp.begin()
    with console.step(f"making .venv with Python {_version()}", f".venv made with Python {_version()}"):
        run_step(
            # Not sys.executable: that may be the very environment which is made again here.
            [getattr(sys, "_base_executable", sys.executable), "-m", "venv", str(project.venv)],
            log=project.log("setup-venv"),
            hint="see that this Python has the module venv (Debian and Ubuntu: apt-get install python3-venv)",
        )


def _remove_old_venvs(project: Project) -> None:
    for old in project.root.glob(".venv-old-*"):
        shutil.rmtree(old, ignore_errors=True)


def _install_packages(project: Project, console: Console, *, development: bool) -> None:
    """Install the locked packages that the environment does not have yet."""
    locks = [RUNTIME_LOCK, DEVELOPMENT_LOCK] if development else [RUNTIME_LOCK]
    wanted = {name: fingerprint([project.root / name]) for name in locks}
    stamp = Stamp(project.venv)
    present = stamp.read()
    if wanted.items() <= present.items():
        return
    keep = {DEVELOPMENT_LOCK: present[DEVELOPMENT_LOCK]} if _keeps_development(present, wanted) else {}
    stamp.begin()
    with console.step("installing Python packages", "Python packages installed"):
        run_step(
            _pip_install(project, locks),
            log=project.log("setup-pip"),
            cwd=project.root,
            env=project.environment(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1"),
            hint=f"{_RETRY}; if it says that a hash does not match, the lock files have to be made anew",
        )
    stamp.finish({"python": _version(), **keep, **wanted})


def _keeps_development(present: dict[str, str], wanted: dict[str, str]) -> bool:
    # The development packages were locked together with the runtime ones: new runtime pins make them stale.
    return DEVELOPMENT_LOCK in present and present.get(RUNTIME_LOCK) == wanted[RUNTIME_LOCK]


def _pip_install(project: Project, locks: Sequence[str]) -> list[str]:
    command = [str(project.python), "-m", "pip", "install", "--require-hashes", "--no-warn-script-location"]
    return command + [argument for name in locks for argument in ("-r", name)]


def _start_npm(project: Project) -> Program | None:
    """Start ``npm ci`` when it is needed; it runs beside the Python installation."""
    stamp = Stamp(project.node_modules)
    if stamp.read().get("lock") == _npm_fingerprint(project):
        return None
    npm = _find_npm()
    stamp.begin()
    return Program(
        _npm_install(npm),
        log=project.log("setup-npm"),
        cwd=project.root,
        grace=STEP_GRACE_SECONDS,
    )


def _npm_install(npm: str) -> list[str]:
    """How the locked packages are installed: none of them may run anything while it is."""
    return [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]


def _finish_npm(project: Project, console: Console, npm: Program) -> None:
    with console.step(
        "installing npm packages (Azurite, pyright)", "npm packages installed beside them (Azurite, pyright)"
    ):
        npm.check(_RETRY)
        Stamp(project.node_modules).finish({"lock": _npm_fingerprint(project)})


def _npm_fingerprint(project: Project) -> str:
    return fingerprint(project.root / name for name in NPM_FILES)


def _find_npm() -> str:
    """The path of npm; raises DevError when it or a Node that is new enough is missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise DevError(
            "Node.js was not found; Azurite, the local storage, needs it.",
            hint=f"install Node.js {OLDEST_NODE} or newer with npm and see that `node --version` works",
        )
    asked = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = asked.stdout.strip()
    if node_major(version) < OLDEST_NODE:
        raise DevError(
            f"Node.js {version or 'of an unknown version'} is too old ({node}).",
            hint=f"install Node.js {OLDEST_NODE} or newer",
        )
    return npm


def node_major(version: str) -> int:
    """The first number of what ``node --version`` prints (``v20.20.2``); 0 when it prints something else."""
    number = version.removeprefix("v").split(".", 1)[0]
    return int(number) if number.isdecimal() else 0


def _fetch_rules(project: Project, console: Console) -> None:
    """Fetch the official rules when the lock that names them changed; the fetch itself is all or nothing."""
    stamp = Stamp(project.rules)
    wanted = {"lock": fingerprint([project.root / RULES_LOCK])}
    if stamp.read() == wanted:
        return
    with console.step("fetching the official rules", "official rules fetched into .rules"):
        run_step(
            [str(project.python), "-m", "invoicing.rules.fetch", "--into", str(project.rules)],
            log=project.log("setup-rules"),
            cwd=project.root,
            env=project.environment(),
            hint=_RETRY,
        )
        stamp.finish(wanted)


def clean(project: Project, console: Console, *, everything: bool) -> None:
    """Delete what runs leave behind; with ``everything`` also what ``set_up`` made."""
    folders: list[Path] = [project.azurite_data, project.host_state.parent, project.state]
    if everything:
        folders += [project.venv, project.node_modules, project.rules]
    key = ledger_key.worth_keeping(project)
    for folder in folders:
        if folder.exists():
            with console.step(f"deleting {project.shown(folder)}", f"{project.shown(folder)} deleted"):
                shutil.rmtree(folder)
    if key is not None:
        private_files.write(project.ledger_key, key)
        file = project.shown(project.ledger_key)
        console.note(f"{file} stays: ledgers in a named account are signed with it")
