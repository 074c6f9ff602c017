"""Sweeps of a container, with the real steps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from adapters.sweep_settings import SweepSettings
from devhost.replay import export_instance
from stores.blobs import StorageUnavailable
from tests.histories.kept import Recorded, text_of
from tests.orchestrators.sweep_kit import Yard


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name."""

    def stored(yard: Yard) -> str:
        yard.put("a.xml", "b.xml")
        return _finished(yard)

    def at_once(yard: Yard) -> str:
        yard.put("now/a.xml")
        sweep = yard.at_once("now/a.xml") or ""
        yard.finish(sweep)
        return sweep

    def waiting(yard: Yard) -> str:
        yard.inbox.fails = _no_listing
        sweep = yard.sweep() or ""
        yard.host.advance(minutes=1)
        return sweep

    yield _of_yard(version, "sweep-empty", _finished)
    yield _of_yard(version, "sweep-stored", stored)
    yield _of_yard(version, "sweep-cleared", stored, SweepSettings(clear=True))
    yield _of_yard(version, "sweep-of-one-blob", at_once)
    yield _of_yard(version, "sweep-waits-for-storage", waiting)


def _of_yard(
    version: str, file: str, play: Callable[[Yard], str], settings: SweepSettings | None = None
) -> Recorded:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.db"
        with Yard(settings, state=state, default_version=version).at_work() as yard:
            sweep = play(yard)
        return {file: text_of(export_instance(state, sweep))}


def _finished(yard: Yard) -> str:
    sweep = yard.sweep() or ""
    yard.finish(sweep)
    return sweep


def _no_listing(verb: str, name: str) -> None:
    if verb == "list":
        raise StorageUnavailable(f"{verb} {name}: no answer")
