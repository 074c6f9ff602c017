"""`python -m tests.fuzz`: runs each target in processes of its own, watches them, and prints what came out.

A process that takes too long over one input, or dies at it, is ended and replaced; the input is a finding.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import with_hypothesis
from tests.fuzz.harness import CurrentInput, Figures, Harness, keep
from tests.fuzz.seeds import ROOT
from tests.fuzz.targets import TARGETS

FOLDER = ROOT / ".state" / "fuzz"
HUNG = 120.0
"""Seconds by the clock after which an input counts as endless. The machine may be busy with other things."""

_STARTING = 90.0
# Saxon and atheris both want the process for themselves.
_HYPOTHESIS_ONLY = {"assess"}


@dataclass
class Result:
    """What came of one target with one engine."""

    target: str
    engine: str
    executions: int = 0
    wall: float = 0.0
    slowest: float = 0.0
    findings: dict[str, str] = field(default_factory=dict)

    def add(self, figures: Figures, wall: float) -> None:
        """Take over what one process did."""
        self.executions += figures.executions
        self.wall += wall
        self.slowest = max(self.slowest, figures.slowest)
        self.findings |= figures.findings


def engines_of(target: str) -> list[str]:
    """The engines for a target: atheris where it is installed, and Hypothesis."""
    has_atheris = importlib.util.find_spec("atheris") is not None
    return ["hypothesis", "atheris"] if has_atheris and target not in _HYPOTHESIS_ONLY else ["hypothesis"]


def fuzz(target: str, engine: str, seconds: float, folder: Path = FOLDER) -> Result:
    """Run one target for so long, in as many processes as it takes."""
    result, ends = Result(target, engine), time.monotonic() + seconds
    folder.mkdir(parents=True, exist_ok=True)
    while (left := ends - time.monotonic()) > 0:
        began = time.monotonic()
        failure = _one_process(target, engine, left, folder)
        result.add(Figures.read(folder / f"{target}.json"), time.monotonic() - began)
        if failure is None:
            break
        number, _, data = CurrentInput(folder / f"{target}.current").read()
        kind = failure if number else "it did not start"
        result.findings[kind] = str(
            keep(folder, target, kind, data, f"input {number} of the process: {kind}")
        )
        if not number:
            break
    return result


def _one_process(target: str, engine: str, seconds: float, folder: Path) -> str | None:
    """Run a process to its end; returns how it failed, None where it did not."""
    (folder / f"{target}.json").unlink(missing_ok=True)
    (folder / f"{target}.current").unlink(missing_ok=True)
    current = CurrentInput(folder / f"{target}.current")
    with (folder / f"{target}-{engine}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *_command(target, engine, seconds, folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            return _watched(process, current, seconds)
        finally:
            process.kill()
            process.wait()


def _command(target: str, engine: str, seconds: float, folder: Path) -> list[str]:
    """The arguments of Python that run a target."""
    if engine == "atheris":
        return ["-m", "tests.fuzz.with_atheris", target, str(folder), str(seconds)]
    more = ["--target", target, "--seconds", str(seconds), "--folder", str(folder)]
    return ["-m", "tests.fuzz", "--child", *more]


def _watched(process: subprocess.Popen[bytes], current: CurrentInput, seconds: float) -> str | None:
    """Wait for a process as long as it goes on from input to input."""
    ends = time.monotonic() + seconds + _STARTING
    while process.poll() is None:
        time.sleep(0.2)
        number, began, _ = current.read()
        if number and time.time() - began > HUNG:
            return f"took more than {HUNG:.0f} s"
        if time.monotonic() > ends:
            return None if number else "did not begin"
    return f"the process ended with {process.returncode}" if process.returncode else None


def shown(results: list[Result]) -> Iterator[str]:
    """The table that is printed."""
    yield f"{'target':<10}{'engine':<12}{'inputs':>10}{'per second':>12}{'slowest':>10}  findings"
    for one in results:
        rate = one.executions / one.wall if one.wall else 0.0
        yield (
            f"{one.target:<10}{one.engine:<12}{one.executions:>10,}{rate:>12,.0f}{one.slowest:>8.2f} s"
            f"  {len(one.findings) or 'none'}"
        )
    for one in results:
        for kind, path in one.findings.items():
            yield f"\n{one.target}: {kind}\n  python3 dev.py fuzz --target {one.target} --again {path}"


def again(target: str, path: Path) -> int:
    """Run one input once more, in this process; what it raises is shown as it is."""
    started = time.process_time()
    TARGETS[target].run(path.read_bytes())
    print(f"nothing raised, {time.process_time() - started:.2f} s of processor time")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns 1 where there are findings."""
    parser = argparse.ArgumentParser(prog="dev.py fuzz")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--target", choices=list(TARGETS))
    parser.add_argument("--again", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS, action="store_true")
    parser.add_argument("--seconds", help=argparse.SUPPRESS, type=float)
    parser.add_argument("--folder", help=argparse.SUPPRESS, type=Path)
    asked = parser.parse_args(arguments)
    if asked.again and not asked.target:
        parser.error("--again needs --target")
    if asked.child:
        with_hypothesis.run_for(Harness(TARGETS[asked.target], asked.folder), asked.seconds)
        return 0
    if asked.again:
        return again(asked.target, asked.again)
    runs = [
        (name, engine)
        for name in ([asked.target] if asked.target else TARGETS)
        for engine in engines_of(name)
    ]
    if all(engine == "hypothesis" for _, engine in runs) and runs != [("assess", "hypothesis")]:
        print("atheris is not to be had for this machine: Hypothesis alone makes the inputs")
    results = []
    for name, engine in runs:
        print(f"{name} with {engine}, {asked.minutes * 60 / len(runs):.0f} s", flush=True)
        results.append(fuzz(name, engine, asked.minutes * 60 / len(runs)))
    print("\n".join(shown(results)))
    return 1 if any(one.findings for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
