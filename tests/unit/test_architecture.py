"""docs/architecture.md says what is stored where: every blob that the code makes is in its table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
#: Where names of blobs are made.
MAKERS = [
    *sorted((ROOT / "stores").glob("*.py")),
    *sorted((ROOT / "invoicing").rglob("*names.py")),
]
_BLOB = re.compile(r"[a-z]+(-[a-z]+)*/[^ ]*")
_NO_BLOB = re.compile(r"(application|text|image)/")


def _table() -> set[str]:
    """The names in the table, what varies in them written as `N`; `…` stands for the folder before."""
    found: set[str] = set()
    section = PAGE.partition("## What is stored where")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| (`[a-z-]+/.*?) \|", section, re.MULTILINE):
        folder = ""
        for name in re.findall(r"`([^`]+)`", row):
            whole = name.replace("…/", folder)
            folder = folder or whole[: whole.rindex("/") + 1]
            found.add(re.sub(r"\b(ID|KIND|STATUS|NN)\b", "N", whole))
    return found


def _made(path: Path) -> Iterator[str]:
    """The names in the source of a module, as far as a text there begins with a folder."""
    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    tree = ast.parse(path.read_bytes())
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and id(node) not in parts:
            text = _text(node, module)
            if _BLOB.fullmatch(text) and not _NO_BLOB.match(text):
                yield text


def _text(node: ast.expr, module: ModuleType) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.FormattedValue):
        value: Any = None
        if isinstance(node.value, ast.Name) and node.value.id.isupper():
            value = getattr(module, node.value.id, None)
        return value if isinstance(value, str) else "N"
    return "".join(_text(part, module) for part in node.values) if isinstance(node, ast.JoinedStr) else ""


TABLE = _table()
MADE = sorted({(str(path.relative_to(ROOT)), name) for path in MAKERS for name in _made(path)})


@pytest.mark.parametrize(("path", "name"), MADE)
def test_every_name_is_in_the_table(path: str, name: str) -> None:
    """A whole name, or the beginning of some: who stores something new says who reads it, and how long."""
    assert any(known == name or known.startswith(name) for known in TABLE), f"{path} makes {name}"


def test_every_folder_of_the_table_is_made() -> None:
    """What is not stored any more goes out of the table."""
    made = {name.split("/")[0] for _, name in MADE}
    assert {name.split("/")[0] for name in TABLE} == made


def test_files_that_the_page_names_are_there() -> None:
    """A page that sends people to files that were moved is worse than none."""
    named = re.findall(r"`([a-z_]+(?:/[a-z_*]+)+(?:\.py)?)/?`", PAGE)
    files = {name for name in named if name.endswith(".py") or name.split("/")[0] in ("tests", "devhost")}
    assert files
    assert {name for name in files if not list(ROOT.glob(name))} == set()
