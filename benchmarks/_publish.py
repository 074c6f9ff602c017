"""Writes a benchmark's section of benchmarks/README.md: figures in it are never typed by hand."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

README = Path(__file__).resolve().parent / "README.md"
_INTRODUCTION = """# Benchmarks

`python3 dev.py bench` runs all, `python3 dev.py bench NAME` one. Each program writes its own section
below. What counts are the ratios: both sides of one are measured in the same run on the same machine, in
turn, and the median is given.
"""


def machine() -> str:
    """What it was measured on, and when."""
    version = platform.python_version()
    day = datetime.now(UTC).date().isoformat()
    return f"Measured on {day}: {os.cpu_count()} cores, {platform.system()}, Python {version}."


def publish(name: str, title: str, text: str) -> None:
    """Replace the section `name` of the README, or append it; prints it as well."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    section = f"{begin}\n## {title}\n\n{text.strip()}\n\n{machine()}\n{end}"
    old = README.read_text() if README.exists() else _INTRODUCTION
    if begin in old and end in old:
        new = old[: old.index(begin)] + section + old[old.index(end) + len(end) :]
    else:
        new = old.rstrip() + "\n\n" + section + "\n"
    README.write_text(new)
    print(text.strip(), flush=True)
