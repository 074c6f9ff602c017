"""Record the histories in this folder.

    python -m tests.histories.record [VERSION...] [--all] [--to FOLDER]

Without a version it is the one that host.json gives to new instances. A folder of a version that is in use
stays as it is: its histories are those of the code that ran then. See docs/changing-a-workflow.md.
The same code always gives the same files. Time is virtual, and storage is in memory.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from tests.app_versions import CURRENT
from tests.histories.scenes import all_of

HERE = Path(__file__).resolve().parent


def versions() -> list[str]:
    """The versions that there are histories of."""
    return sorted(path.name for path in HERE.iterdir() if path.is_dir() and path.name[:1].isdigit())


def write(version: str, folder: Path) -> None:
    """Write the histories of a version into a folder, and take away those that are not played any more."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = all_of(version)
    for old in folder.glob("*.json"):
        if old.stem not in texts:
            old.unlink()
    for name, text in texts.items():
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    print(f"{version}: {len(texts)} histories in {folder}")


def main() -> None:
    """Record what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories.record", description="Record histories.")
    parser.add_argument("version", nargs="*", default=[], help=f"of the instances (default: {CURRENT})")
    parser.add_argument("--all", action="store_true", help="all versions that there are histories of")
    parser.add_argument("--to", metavar="FOLDER", type=Path, default=HERE, help="default: tests/histories")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    chosen = versions() if options.all else options.version or [CURRENT]
    for version in chosen:
        write(version, options.to / version)


if __name__ == "__main__":
    main()
