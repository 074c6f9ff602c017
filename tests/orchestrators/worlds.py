"""Many made-up worlds of one kind, each from its seed: how a test lives through them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar


class World(Protocol):
    """A world of some kind; `trace` says what has happened in it."""

    trace: list[str]

    def run(self) -> None:
        """Live to the end, and check what must be true."""
        ...


Kind = TypeVar("Kind", bound=World)


def live(make: Callable[[int], Kind], seed: int) -> Kind:
    """Make the world of a seed and live in it; what is raised names the seed and tells what happened."""
    world = make(seed)
    try:
        world.run()
    except BaseException as error:
        error.add_note(f"seed {seed}:\n  " + "\n  ".join(world.trace))
        raise
    return world


def live_many(make: Callable[[int], Kind], seeds: Iterable[int]) -> list[Kind]:
    """The worlds of these seeds, one after the other."""
    return [live(make, seed) for seed in seeds]
