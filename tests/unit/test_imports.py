"""The direction of imports between the folders of the project, read from the source of every module.

The domain knows nothing of what surrounds it, workflows know nothing of I/O, and the app runs on any host.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APP = {
    "activities",
    "adapters",
    "entities",
    "invoicing",
    "orchestrators",
    "stores",
    "triggers",
    "usecases",
    "web",
}

# For each of our packages, which of our packages its modules may import besides their own.
ALLOWED: dict[str, set[str]] = {
    "invoicing": set(),
    "stores": {"invoicing"},
    "adapters": {"invoicing", "stores"},
    "orchestrators": {"invoicing"},
    "entities": {"invoicing"},
    "web": {"invoicing"},
    "usecases": {"invoicing", "adapters", "stores"},
    "activities": {"invoicing", "adapters", "stores", "usecases"},
    "triggers": APP,
    "function_app": APP,
    "devhost": set(),
    "devtools": set(),
    "dev": {"devtools"},
    "samples": {"invoicing"},
}
# These may import everything: they look at the program from outside.
OUTSIDE = {"tests", "benchmarks"}
# Programs of other engines: the benchmark runs each in an environment of its own, with what peers/ pins.
PEERS = ROOT / "benchmarks" / "peers"
# What runs before anything is installed.
STANDARD_LIBRARY_ONLY = {"dev", "devtools"}
# Workflows are replayed: whatever gives another answer the second time must not come in by an import.
NOT_IN_WORKFLOWS = {"random", "requests", "secrets", "socket", "subprocess", "time", "urllib", "uuid"}


def _modules() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        if not any(part.startswith(".") or part == "node_modules" for part in parts):
            yield path


def _package(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    """The top-level names of the absolute imports anywhere in a module; relative ones stay at home."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.split(".")[0])
    return found


def _declared(*files: str) -> set[str]:
    """The names of the packages that requirements files list."""
    text = "\n".join((ROOT / file).read_text("utf-8") for file in files)
    return {_canonical(name) for name in re.findall(r"^([A-Za-z][\w.-]*)", text, re.MULTILINE)}


def _canonical(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


INSIDE = [path for path in _modules() if _package(path) not in OUTSIDE]
OURS = set(ALLOWED) | OUTSIDE


@pytest.mark.parametrize("path", INSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_imports_only_what_its_package_may(path: Path) -> None:
    """A package that this test does not know is a failure too: its place has to be thought about."""
    package = _package(path)
    assert package in ALLOWED, f"say in ALLOWED what {package} may import"
    assert (_imports(path) & OURS) - ALLOWED[package] - {package} == set()


@pytest.mark.parametrize("package", sorted(STANDARD_LIBRARY_ONLY))
def test_commands_need_nothing_but_python(package: str) -> None:
    """They make the virtual environment, so they cannot use what is in it."""
    imported = set().union(*(_imports(path) for path in INSIDE if _package(path) == package))
    assert imported - set(sys.stdlib_module_names) - ALLOWED[package] - {package} == set()


def _undeclared(paths: Iterable[Path], declared: set[str]) -> dict[str, set[str]]:
    """For each third-party import, which modules have it although no listed package holds it."""
    holders = packages_distributions()
    found: dict[str, set[str]] = {}
    for path in paths:
        for name in _imports(path) - set(sys.stdlib_module_names) - OURS:
            if not {_canonical(package) for package in holders.get(name, [])} & declared:
                found.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    return found


def test_packages_that_the_app_imports_are_declared() -> None:
    """One that comes along with another package goes away with it as well."""
    app = [path for path in INSIDE if _package(path) in APP | {"function_app"}]
    assert _undeclared(app, _declared("requirements.in")) == {}


def test_packages_that_anything_imports_are_declared() -> None:
    """Or it works on the machine of whoever installed them by hand."""
    own = [path for path in _modules() if PEERS not in path.parents]
    assert _undeclared(own, _declared("requirements.in", "requirements-dev.in")) == {}


@pytest.mark.parametrize(
    ("source", "lock"),
    [("requirements.in", "requirements.txt"), ("requirements-dev.in", "requirements-dev.txt")],
)
def test_declared_packages_are_locked_with_hashes(source: str, lock: str) -> None:
    """Whoever adds a package makes the lock anew; no address of an index is in it."""
    text = (ROOT / lock).read_text("utf-8")
    pinned = {_canonical(name) for name in re.findall(r"^([A-Za-z][\w.-]*)==", text, re.MULTILINE)}
    assert _declared(source) - pinned == set()
    assert len(re.findall(r"^\S+==", text, re.MULTILINE)) <= text.count("--hash=sha256:")
    assert "://" not in text


def test_workflows_import_nothing_that_answers_differently_on_replay() -> None:
    """Time, randomness and I/O come through the context and the activities."""
    imported = {
        path: _imports(path) & NOT_IN_WORKFLOWS for path in INSIDE if _package(path) == "orchestrators"
    }
    assert imported
    assert {str(path): names for path, names in imported.items() if names} == {}


def test_folders_do_not_hide_modules_of_python() -> None:
    """A folder of the name of a module in use would take its place wherever the project is imported from."""
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    assert folders & (set(sys.stdlib_module_names) | {"azure"}) == set()


def test_the_reader_of_imports_sees_nested_and_dotted_ones(tmp_path: Path) -> None:
    """Imports inside functions count; relative ones do not."""
    module = tmp_path / "module.py"
    module.write_text("import a.b as c\nfrom . import d\ndef f():\n    from e.g import h\n")
    assert _imports(module) == {"a", "e"}
