"""Lists of calls in storage: what was asked for, how far each call is, and what came of it.

The results come in parts, one for each round or five seconds of it; the state says which part has the newest
line of a call. A part is written before the state that names it, so a part that nobody names was written by a
run that died, and the next one writes over it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from pydantic import TypeAdapter

from invoicing.records.api_calls import (
    CallCounts,
    CallRequest,
    CallResult,
    CallsRecord,
    CallsState,
    CallState,
)
from invoicing.run_values import loaded
from stores import records
from stores.blobs import BlobMissing, Blobs

_RECORD = TypeAdapter(CallsRecord)
_REQUEST = TypeAdapter(CallRequest)
_STATE = TypeAdapter(CallsState)
_RESULT = TypeAdapter(CallResult)
_COUNTS: TypeAdapter[CallCounts] = TypeAdapter(CallCounts)
# Parts that are read at the same time.
_READ_AHEAD = 8


class CallStore:
    """What is stored of lists of calls. Safe to use from several threads."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def create(self, record: CallsRecord) -> None:
        """Keep the record of a new list. Raises BlobConflict where there is one."""
        self._blobs.create(_record_name(record.calls), record.as_json())

    def record(self, calls: str) -> CallsRecord:
        """What was asked for. Raises BlobMissing and RecordDamaged."""
        name = _record_name(calls)
        return records.from_json(_RECORD, name, self._blobs.read(name))

    def prepare(self, calls: str, requests: Iterable[CallRequest]) -> None:
        """Store the calls, before the run begins."""
        self._blobs.write(_requests_name(calls), _lines(requests))

    def requests(self, calls: str) -> tuple[CallRequest, ...]:
        """The calls in order. Raises BlobMissing and RecordDamaged."""
        name = _requests_name(calls)
        lines = self._blobs.read(name).splitlines()
        return tuple(records.from_json(_REQUEST, name, line) for line in lines)

    def state(self, calls: str, total: int) -> CallsState:
        """How far a list is; of one that has not begun, nothing is done. Raises RecordDamaged."""
        name = _state_name(calls)
        try:
            return records.from_json(_STATE, name, self._blobs.read(name))
        except BlobMissing:
            return CallsState(calls=(CallState(),) * total)

    def keep(self, calls: str, state: CallsState, counts: CallCounts) -> None:
        """Write how far a list is; the counts go into the metadata, so that a listing tells them."""
        self._blobs.write(_state_name(calls), state.as_json(), {"counts": json.dumps(counts)})

    def progress(self, calls: str) -> tuple[CallCounts, bool]:
        """How many calls are done, by outcome, and whether the list is to be stopped: one listing."""
        found = {blob.name: blob.metadata for blob in self._blobs.list(_progress_prefix(calls))}
        counts = found.get(_state_name(calls), {}).get("counts", "{}")
        return _COUNTS.validate_python(loaded(counts)), _stop_name(calls) in found

    def keep_part(self, calls: str, part: int, results: Iterable[CallResult]) -> None:
        """Write one part of the results."""
        self._blobs.write(_part_name(calls, part), _lines(results))

    def results(self, calls: str, state: CallsState, first: int, last: int) -> Mapping[int, CallResult]:
        """The newest lines of calls `first` to `last` by number; one that was never made has none."""
        wanted = {n: state.calls[n - 1].part for n in range(first, min(last, len(state.calls)) + 1)}
        parts = sorted({part for part in wanted.values() if part is not None})
        found: dict[int, CallResult] = {}
        with ThreadPoolExecutor(_READ_AHEAD) as pool:
            read = pool.map(partial(self._part, calls), parts)
            for part, results in zip(parts, read, strict=True):
                found |= {result.n: result for result in results if wanted.get(result.n) == part}
        return found

    def keep_answer(self, calls: str, n: int, body: bytes) -> None:
        """Keep the answer of call `n`, which is too large for the results."""
        self._blobs.write(_answer_name(calls, n), body)

    def answer(self, calls: str, n: int) -> bytes:
        """The answer of call `n`. Raises BlobMissing."""
        return self._blobs.read(_answer_name(calls, n))

    def ask_to_stop(self, calls: str) -> None:
        """Note that a list is to be stopped; its run sees it before it calls anything more."""
        self._blobs.write(_stop_name(calls), b"")

    def is_asked_to_stop(self, calls: str) -> bool:
        """Say whether somebody asked that a list be stopped."""
        return self._blobs.exists(_stop_name(calls))

    def _part(self, calls: str, part: int) -> list[CallResult]:
        name = _part_name(calls, part)
        return [records.from_json(_RESULT, name, line) for line in self._blobs.read(name).splitlines()]


def _lines(some: Iterable[CallRequest | CallResult]) -> bytes:
    return b"".join(one.as_json() + b"\n" for one in some)


def _record_name(calls: str) -> str:
    return f"calls/{calls}/calls.json"


def _requests_name(calls: str) -> str:
    return f"calls/{calls}/requests.ndjson"


def _state_name(calls: str) -> str:
    return f"calls/{calls}/state.json"


def _progress_prefix(calls: str) -> str:
    """What the state and the wish to stop begin with, and nothing else."""
    return f"calls/{calls}/st"


def _part_name(calls: str, part: int) -> str:
    return f"calls/{calls}/results/{part:05d}.ndjson"


def _answer_name(calls: str, n: int) -> str:
    return f"calls/{calls}/answers/{n:05d}"


def _stop_name(calls: str) -> str:
    return f"calls/{calls}/stop"
