"""One input after another: how long each took, what went wrong, and which one is being run.

What goes wrong is kept as a file with the input, and one beside it that says what happened.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import resource
import struct
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from tests.fuzz.targets import Target

LONGEST = 256 * 1024
"""Bytes of an input."""

MEMORY = 1024 * 1024 * 1024
"""Bytes by which one input may raise the memory of the process."""

_HEAD = struct.Struct("<QdQ")
_MOST_FINDINGS = 20
_STORED_EVERY = 0.5


@dataclass
class Figures:
    """What a run has done: inputs, seconds in them, the slowest of them, and findings by kind of failure."""

    executions: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    findings: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> str:
        """For the file that the watching process reads."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        """What is in such a file; nothing where there is none."""
        return cls(**json.loads(path.read_text())) if path.exists() else cls()


class Harness:
    """Runs inputs of one target in this process. `factor` is by how much an engine slows the code down."""

    def __init__(self, target: Target, folder: Path, factor: float = 1.0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.target, self.folder, self.factor = target, folder, factor
        self.figures = Figures()
        self._current = CurrentInput(folder / f"{target.name}.current")
        self._stored = 0.0

    def __call__(self, data: bytes) -> None:
        """Run one input; what is wrong with it is kept, never raised."""
        data = data[:LONGEST]
        self._current.write(data)
        memory, started = _memory(), time.process_time()
        try:
            self.target.run(data)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - each of them is a finding
            self._keep(_place_of(error), data, "".join(traceback.format_exception(error)))
        self._measure(data, time.process_time() - started, _memory() - memory)

    def _measure(self, data: bytes, seconds: float, memory: int) -> None:
        figures = self.figures
        figures.executions += 1
        figures.seconds += seconds
        # The first ones load modules and compile rules.
        if seconds > figures.slowest and figures.executions > 1:
            figures.slowest = seconds
        if seconds > self.target.seconds * self.factor and figures.executions > 1:
            self._keep(
                "slow", data, f"{seconds:.1f} s of processor time, {self.target.seconds} s are allowed"
            )
        if memory > MEMORY:
            self._keep("memory", data, f"{memory >> 20} MiB more memory, {MEMORY >> 20} MiB are allowed")
        if time.monotonic() - self._stored > _STORED_EVERY:
            self.store()

    def _keep(self, kind: str, data: bytes, text: str) -> None:
        if kind not in self.figures.findings and len(self.figures.findings) < _MOST_FINDINGS:
            self.figures.findings[kind] = str(keep(self.folder, self.target.name, kind, data, text))
            self.store()

    def store(self) -> None:
        """Write the figures where the watching process reads them."""
        self._stored = time.monotonic()
        path = self.folder / f"{self.target.name}.json"
        path.with_suffix(".new").write_text(self.figures.as_json())
        path.with_suffix(".new").replace(path)


class CurrentInput:
    """The input that is being run, in memory that the watching process can read: it outlives a crash."""

    def __init__(self, path: Path) -> None:
        if not path.exists() or path.stat().st_size != _HEAD.size + LONGEST:
            path.write_bytes(bytes(_HEAD.size + LONGEST))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._number = 0

    def write(self, data: bytes) -> None:
        """Note that this one begins."""
        self._number += 1
        self._memory[_HEAD.size : _HEAD.size + len(data)] = data
        self._memory[: _HEAD.size] = _HEAD.pack(self._number, time.time(), len(data))

    def read(self) -> tuple[int, float, bytes]:
        """Its number, the time when it began, and the input."""
        number, began, length = _HEAD.unpack(self._memory[: _HEAD.size])
        return number, began, self._memory[_HEAD.size : _HEAD.size + length]


def keep(folder: Path, target: str, kind: str, data: bytes, text: str) -> Path:
    """Keep an input with what happened; returns its file."""
    path = folder / "findings" / f"{target}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    again = f"python3 dev.py fuzz --target {target} --again {path}"
    path.with_suffix(".txt").write_text(f"{kind}\n{again}\n\n{text}\n", "utf-8", "backslashreplace")
    return path


def _place_of(error: BaseException) -> str:
    """Kind of error and where it was raised: two inputs that fail alike are one finding."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = f": {str(error).partition(':')[0][:40]}" if isinstance(error, AssertionError) else ""
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}{said}"


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
