"""What the log has of an unforeseen error: kind and place, and nothing of an invoice."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import pytest

from adapters.failure_log import kind_and_place
from tests.fakes.memory_blobs import MemoryBlobs
from triggers.errors import refusal_of
from usecases.wake_approval import sweep, wake

IBAN = "DE75512108001245126199"
APPROVAL = "a" + "1" * 24


def _failure() -> Exception:
    with pytest.raises(KeyError) as caught:
        _look_up()
    return caught.value


def _look_up() -> None:
    try:
        int(IBAN)
    except ValueError as error:
        raise KeyError(f"no account {IBAN}") from error


class _BrokenClient:
    """A durable client whose error quotes what a workflow was given."""

    async def get_status(self, instance_id: str) -> Any:
        """Never answers."""
        raise RuntimeError(f"cannot read {{'iban': '{IBAN}'}}")


def test_kind_and_place_are_told_and_the_text_is_not() -> None:
    """Of the error, and of the one that it came from."""
    told = kind_and_place(_failure())
    assert told.startswith("KeyError at unit/test_failure_log.py:")
    assert ", from ValueError at unit/test_failure_log.py:" in told
    assert " in _look_up" in told
    assert IBAN not in told


def test_an_error_that_was_never_raised_has_a_kind_only() -> None:
    """And errors that follow each other in a circle are told once."""
    first, second = ValueError(IBAN), ValueError(IBAN)
    first.__cause__, second.__cause__ = second, first
    assert kind_and_place(OSError(IBAN)) == "OSError"
    assert kind_and_place(first) == "ValueError, from ValueError"


def test_a_request_that_fails_logs_no_text_of_the_error(caplog: pytest.LogCaptureFixture) -> None:
    """The caller is told to look into the log, which says where the fault is."""
    with caplog.at_level(logging.DEBUG):
        refused = refusal_of(_failure())
    assert (refused.status, refused.code) == (500, "internal")
    assert "KeyError at unit/test_failure_log.py" in caplog.text
    assert IBAN not in caplog.text


def test_waking_that_fails_logs_no_text_of_the_error(caplog: pytest.LogCaptureFixture) -> None:
    """After a decision as well as in the sweep."""
    blobs = MemoryBlobs()
    blobs.write(f"inbox/{APPROVAL}", b"{}")
    client = cast(Any, _BrokenClient())
    with caplog.at_level(logging.DEBUG):
        assert not asyncio.run(wake(client, APPROVAL))
        assert asyncio.run(sweep(blobs, client)) == []
    assert caplog.text.count("RuntimeError at") == 2
    assert IBAN not in caplog.text
