"""Signals: what people, devices and systems say of something that a workflow waits for.

A signal is known by kind, key and id. It is stored before anybody is woken, so that it may come early, late,
twice and in any order.
"""

from __future__ import annotations

from invoicing.records.base import Moment, Record, Step, flag, optional

Scalar = str | int | bool | None
"""What stands in a payload; a number with a fraction is a text, so that no digit is lost."""

Payload = dict[str, Scalar | list[Scalar | dict[str, Scalar]]]
"""What a signal says, in the form of its kind (`invoicing/signals/kinds.py`)."""


class Signal(Record):
    """One signal. `id`: the same one twice counts once. `received`: when it came here first."""

    kind: str
    key: str
    id: str
    payload: Payload
    received: Moment


class SignalWait(Record):
    """A workflow that waits for the signals of a kind and a key, as it is noted in the storage.

    `event` wakes `instance`. `taken`: the names of the signals that it was given, as far as it has told; they
    are for nobody else once the wait has ended. `continues`: nor for this one, what ended ones of the same
    instance were given.
    """

    kind: str
    key: str
    instance: str
    event: str
    opened: Moment
    ended: Moment | None = optional()
    taken: tuple[str, ...] = ()
    continues: bool = flag()


class WaitPlace(Record):
    """Which wait is meant; `event` tells it from an earlier one of the same instance. `at`: when it began.

    `continues`: it goes on with what earlier ones of the same instance were not given.
    """

    kind: str
    key: str
    instance: str
    event: str
    at: Moment
    continues: bool = flag()


class ReadJob(WaitPlace):
    """Read what a wait was not given yet. `given`: the names of the signals that the last answer had."""

    given: tuple[str, ...] = ()


class CloseJob(ReadJob):
    """End a wait; `told`: whether it has told of signals before these."""

    told: bool
    now: Moment


class SignalsRead(Record):
    """New signals, the oldest first; `more`: there are others, to be read after these."""

    signals: tuple[Signal, ...]
    more: bool


class WaitEnded(Record):
    """A wait that has ended; `taken`: how many signals it was given."""

    taken: int


OPEN_SIGNAL_WAIT = Step("open_signal_wait", WaitPlace, SignalsRead)
READ_SIGNALS = Step("read_signals", ReadJob, SignalsRead)
CLOSE_SIGNAL_WAIT = Step("close_signal_wait", CloseJob, WaitEnded)
