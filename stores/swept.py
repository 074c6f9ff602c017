"""Sweeps in blobs: which blobs were taken, what each window took, and how each sweep ended.

sweeps/taken/NN            who has taken which blobs, in 16 files, each changed under its ETag
sweeps/runs/{id}/N.json    a window: planned, claimed, packed; removed at the end of the sweep
sweeps/runs/{id}/end.json  whether the sweep became a batch, written once
sweeps/current.json        the sweep that was started last
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from pydantic import TypeAdapter

from invoicing import taken as claims
from invoicing.records.sweep import CurrentSweep, SweepEnd, SweptWindow, TakenShard
from invoicing.taken import SHARDS, Taken
from stores import records
from stores.blobs import BlobConflict, BlobMissing, Blobs, StorageUnavailable
from stores.records import RecordDamaged

_RUNS = "sweeps/runs/"
_END = "end"
# Each try starts from what another has written.
_TRIES = 20
_AT_ONCE = 8

_WINDOW = TypeAdapter(SweptWindow)
_ENDED = TypeAdapter(SweepEnd)
_SHARD = TypeAdapter(TakenShard)
_CURRENT = TypeAdapter(CurrentSweep)


class TakenStore:
    """Who has taken which blobs of containers. Safe to use from several threads."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def owners(self, keys: Iterable[bytes] | None = None) -> Taken:
        """Who has taken some blobs, or all; those that nobody has are left out. Raises RecordDamaged."""
        wanted = range(SHARDS) if keys is None else claims.by_shard(keys)
        with ThreadPoolExecutor(_AT_ONCE) as readers:
            found = list(readers.map(self._read, wanted))
        return {key: owner for taken, _ in found for key, owner in taken.items()}

    def claim(self, owner: str, keys: Iterable[bytes]) -> set[bytes]:
        """Take blobs; returns those that are the owner's now, or were before.

        Repeating it changes nothing. Raises StorageUnavailable where others keep writing, and RecordDamaged.
        """

        def take(shard: int, wanted: list[bytes]) -> set[bytes]:
            after = self._rewrite(shard, lambda taken: claims.claimed(taken, owner, wanted))
            return {key for key in wanted if after[key] == owner}

        with ThreadPoolExecutor(_AT_ONCE) as writers:
            tasks = [writers.submit(take, *one) for one in claims.by_shard(keys).items()]
            return {key for task in tasks for key in task.result()}

    def rewrite(self, change: Callable[[Taken], Taken]) -> None:
        """Change all that is known; a shard that stays as it is is not written. Raises as `claim`."""

        def of_shard(shard: int) -> Taken:
            return self._rewrite(shard, change)

        with ThreadPoolExecutor(_AT_ONCE) as writers:
            list(writers.map(of_shard, range(SHARDS)))

    def _rewrite(self, shard: int, change: Callable[[Taken], Taken]) -> Taken:
        for _ in range(_TRIES):
            before, etag = self._read(shard)
            after = change(before)
            if after == before:
                return after
            data = claims.packed(after).as_json()
            try:
                if etag is None:
                    self._blobs.create(_taken_name(shard), data)
                else:
                    self._blobs.replace(_taken_name(shard), data, etag)
            except BlobConflict:
                continue
            return after
        raise StorageUnavailable(f"{_taken_name(shard)}: others keep writing it")

    def _read(self, shard: int) -> tuple[Taken, str | None]:
        name = _taken_name(shard)
        try:
            data, etag = self._blobs.read_with_etag(name)
        except BlobMissing:
            return {}, None
        try:
            return claims.unpacked(records.from_json(_SHARD, name, data)), etag
        except ValueError as error:  # base64 that is none
            raise RecordDamaged(name) from error


class SweepStore:
    """What is kept of one sweep."""

    def __init__(self, blobs: Blobs, sweep: str) -> None:
        self._blobs = blobs
        self._sweep = sweep

    def window(self, number: int) -> tuple[SweptWindow, str] | None:
        """A window and its ETag; None: it is not planned yet. Raises RecordDamaged."""
        name = self._window_name(number)
        try:
            data, etag = self._blobs.read_with_etag(name)
        except BlobMissing:
            return None
        return records.from_json(_WINDOW, name, data), etag

    def windows(self) -> list[SweptWindow]:
        """All windows that are there, in order. Raises RecordDamaged."""
        names = [blob.name for blob in self._blobs.list(self._folder()) if not _is_end(blob.name)]

        def read(name: str) -> SweptWindow:
            return records.from_json(_WINDOW, name, self._blobs.read(name))

        with ThreadPoolExecutor(_AT_ONCE) as readers:
            return list(readers.map(read, names))

    def plan(self, window: SweptWindow) -> bool:
        """Write what a window is to take, once; says whether this is what is there now."""
        try:
            self._blobs.create(self._window_name(window.place.window), window.as_json())
        except BlobConflict:
            return False
        return True

    def change(self, window: SweptWindow, etag: str) -> bool:
        """Write a window over what was read; says whether nobody was quicker."""
        try:
            self._blobs.replace(self._window_name(window.place.window), window.as_json(), etag)
        except BlobConflict:
            return False
        return True

    def end(self) -> SweepEnd | None:
        """What was decided about the sweep; None: nothing yet. Raises RecordDamaged."""
        try:
            return records.from_json(_ENDED, self._end_name(), self._blobs.read(self._end_name()))
        except BlobMissing:
            return None

    def decide(self, end: SweepEnd) -> SweepEnd:
        """Decide about the sweep, unless that was done; returns what holds. Raises RecordDamaged."""
        try:
            self._blobs.create(self._end_name(), end.as_json())
        except BlobConflict:
            return self.end() or self.decide(end)
        return end

    def forget_window(self, number: int) -> None:
        """Remove what is kept of a window."""
        self._blobs.delete(self._window_name(number))

    def forget(self, *, end: bool) -> None:
        """Remove what is kept of the windows, and of the `end` of the sweep if that is wanted."""
        names = [blob.name for blob in self._blobs.list(self._folder()) if end or not _is_end(blob.name)]
        # The end last: without it and with windows, the sweep would count as one that is under way.
        names.sort(key=_is_end)
        with ThreadPoolExecutor(_AT_ONCE) as deleters:
            list(deleters.map(self._blobs.delete, [name for name in names if not _is_end(name)]))
        for name in names[-1:]:
            self._blobs.delete(name)

    def _folder(self) -> str:
        return f"{_RUNS}{self._sweep}/"

    def _window_name(self, number: int) -> str:
        return f"{_RUNS}{self._sweep}/{number:05d}.json"

    def _end_name(self) -> str:
        return f"{_RUNS}{self._sweep}/{_END}.json"


def sweeps_kept(blobs: Blobs) -> dict[str, bool]:
    """The sweeps of which something is kept, and whether each has ended; one listing, no blob is read."""
    found: dict[str, bool] = {}
    for blob in blobs.list(_RUNS):
        sweep = blob.name.removeprefix(_RUNS).partition("/")[0]
        found[sweep] = found.get(sweep, False) or _is_end(blob.name)
    return found


def current(blobs: Blobs) -> tuple[CurrentSweep, str] | None:
    """The sweep that was started last, and the ETag of that record; None: there was none."""
    try:
        data, etag = blobs.read_with_etag(_current_name())
    except BlobMissing:
        return None
    return records.from_json(_CURRENT, _current_name(), data), etag


def make_current(blobs: Blobs, sweep: CurrentSweep, etag: str | None) -> bool:
    """Note a sweep as the last one; says whether nobody was quicker. `etag` None: there was none."""
    try:
        if etag is None:
            blobs.create(_current_name(), sweep.as_json())
        else:
            blobs.replace(_current_name(), sweep.as_json(), etag)
    except BlobConflict:
        return False
    return True


def _taken_name(shard: int) -> str:
    return f"sweeps/taken/{shard:02x}"


def _current_name() -> str:
    return "sweeps/current.json"


def _is_end(name: str) -> bool:
    return name.endswith(f"/{_END}.json")
