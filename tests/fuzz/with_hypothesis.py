"""Inputs made by Hypothesis, which every machine has."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.harness import LONGEST, Harness
from tests.fuzz.targets import Target

_ROUND = 200


def run_for(harness: Harness, seconds: float) -> None:
    """Run inputs for so long, others each time."""
    ends, number = time.monotonic() + seconds, secrets.randbits(32)
    for data in harness.target.seeds():
        harness(data)
    while time.monotonic() < ends:
        run(harness, _ROUND, number)
        number += 1
    harness.store()


def run(harness: Harness, examples: int, number: int) -> None:
    """Run so many inputs; the same number makes the same ones."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    )
    @given(inputs(harness.target))
    def one(data: bytes) -> None:
        harness(data)

    one()


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """A seed with a few changes: words put in, parts left out, repeated, or taken from another."""
    known = list(target.seeds())
    return st.builds(_changed, st.sampled_from(known), st.lists(_changes(target, known), max_size=5))


def _changes(target: Target, known: list[bytes]) -> st.SearchStrategy[Callable[[bytes], bytes]]:
    place = st.floats(0, 1)
    times = st.one_of(st.integers(1, 3), st.integers(1, 5000))
    word = st.one_of(st.sampled_from(target.words), st.binary(max_size=8))
    return st.one_of(
        st.builds(lambda at, one, n: lambda data: _put(data, at, one * n), place, word, times),
        st.builds(lambda at, one: lambda data: _put(data, at, one, len(one)), place, word),
        st.builds(lambda at, size: lambda data: _put(data, at, b"", size), place, st.integers(1, 5000)),
        st.builds(lambda at, size, n: lambda data: _repeated(data, at, size, n), place, times, times),
        st.builds(lambda at: lambda data: data[: int(at * len(data))], place),
        st.builds(
            lambda at, other: lambda data: data[: int(at * len(data))] + other[int(at * len(other)) :],
            place,
            st.sampled_from(known),
        ),
    )


def _changed(data: bytes, changes: list[Callable[[bytes], bytes]]) -> bytes:
    for change in changes:
        data = change(data)[:LONGEST]
    return data


def _put(data: bytes, at: float, what: bytes, instead: int = 0) -> bytes:
    begin = int(at * len(data))
    return data[:begin] + what + data[begin + instead :]


def _repeated(data: bytes, at: float, size: int, times: int) -> bytes:
    begin = int(at * len(data))
    return data[:begin] + data[begin : begin + size] * times + data[begin + size :]
