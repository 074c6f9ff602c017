"""Inputs made by atheris, which sees what code they reach: a program of its own, as atheris ends the process.

python -m tests.fuzz.with_atheris TARGET FOLDER SECONDS
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import atheris  # pyright: ignore[reportMissingImports] - it is not to be had everywhere

_WATCHED = ["invoicing", "triggers", "adapters", "stores", "web", "pypdf", "werkzeug", "zipfile"]

#: By how much the code is slower that atheris watches.
_FACTOR = 4.0
#: Seconds that are left for inputs, however long it took to load everything.
_LEAST = 2


def main(name: str, folder: Path, seconds: float) -> None:
    """Run inputs for so long. What led to new code is kept in the folder: the next run begins there."""
    ends = time.monotonic() + seconds
    # Only what is imported here is watched.
    watching = atheris.instrument_imports(  # pyright: ignore[reportAttributeAccessIssue]
        include=_WATCHED, enable_loader_override=False
    )
    with watching:
        from tests.fuzz.harness import LONGEST, Harness
        from tests.fuzz.targets import TARGETS
    harness = Harness(TARGETS[name], folder, _FACTOR)
    corpus, words = folder / "corpus" / name, folder / f"{name}.dict"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(harness.target.seeds()):
        (corpus / f"seed-{number:03}").write_bytes(data)
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in harness.target.words))
    options = [
        f"-max_total_time={max(_LEAST, int(ends - time.monotonic()))}",
        f"-max_len={LONGEST // 4}",
        f"-dict={words}",
        "-rss_limit_mb=0",
        "-timeout=100000",  # the watching process has limits of its own
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], harness)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
