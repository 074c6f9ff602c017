"""An unforeseen error as the log may have it: its kind and where it came from, never its text.

An error's text quotes what it stumbled over, which may be a name or an account of somebody's invoice. The log
is kept elsewhere, for longer, and read by others than those who may see invoices.
"""

from __future__ import annotations

import traceback
from pathlib import Path

# Enough to see how the program got there; the innermost frames say most.
_MOST_FRAMES = 12


def kind_and_place(error: BaseException) -> str:
    """`ValueError at usecases/router.py:41 in route < usecases/route_invoice.py:31 in route_invoice`.

    The errors that it came from follow, each after `from`.
    """
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        parts.append(_kind_and_place_of(current))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return ", from ".join(parts)


def _kind_and_place_of(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    places = [f"{_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in reversed(frames)]
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{name} at {' < '.join(places)}" if places else name


def _short(path: str) -> str:
    """The file with its folder: the whole path would say who runs the app."""
    return "/".join(Path(path).parts[-2:])
