"""Runs the programs of `benchmarks/peers`: each in its own process, each peer in its own environment.

The environments are made below `.state/bench-peers` with the versions of `peers/requirements.json`, so that
what the peers need is nowhere near what the project needs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PROGRAMS = Path(__file__).resolve().parent / "peers"
_ENVIRONMENTS = ROOT / ".state" / "bench-peers"
_LIMIT_SECONDS = 900
OURS = "devhost"


def requirements() -> dict[str, list[str]]:
    """The pinned packages of each peer, by its name."""
    return json.loads((_PROGRAMS / "requirements.json").read_text())


def version(peer: str) -> str:
    """The version of the peer itself, which is the first of its packages."""
    return requirements()[peer][0].partition("==")[2]


@dataclass(frozen=True)
class Figures:
    """The seconds of each round, and the peak memory of the process in MiB."""

    seconds: list[float]
    peak: float


def _python(peer: str) -> Path:
    folder = _ENVIRONMENTS / peer
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def prepare(peer: str) -> None:
    """Make the environment of a peer, unless it is there with the right versions."""
    folder, wanted = _ENVIRONMENTS / peer, "\n".join(requirements()[peer])
    mark = folder / "installed.txt"
    if mark.exists() and mark.read_text() == wanted:
        return
    print(f"installing {wanted.split()[0]} into {folder.relative_to(ROOT)} …", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip = [_python(peer), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *requirements()[peer]], check=True)
    mark.write_text(wanted)


def run(peer: str, work: str, size: int, rounds: int, synchronous: str = "") -> Figures:
    """Run one work in a fresh process. Raises RuntimeError with what the program said when it fails.

    ``synchronous`` is NORMAL or FULL for programs with a SQLite file; empty leaves them as they are.
    """
    python = Path(sys.executable) if peer == OURS else _python(peer)
    command = [python, _PROGRAMS / f"{peer}_program.py", work, str(size), str(rounds)]
    environment = {**os.environ, "BENCH_SYNCHRONOUS": synchronous}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_LIMIT_SECONDS, env=environment, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{peer} {work} {size} failed: {done.stderr[-2000:] or done.stdout[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return Figures(found["seconds"], found["peak"])
