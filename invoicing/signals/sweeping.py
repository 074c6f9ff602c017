"""What is to be done about the signals of one key and who waits for them. Pure.

A wait that was not told is woken when its signal has waited for five minutes, ten, twenty, forty …: a lost
event is made good soon, and a workflow that does not look now is not woken for weeks every five minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from invoicing.records.signals import Signal, SignalWait
from invoicing.signals.offering import MOST_OF_A_WAIT, nobodys, offered

#: How often it is swept.
EVERY = timedelta(minutes=5)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Plan:
    """`wake`: waits that are behind. `ask`: open waits whose runs may be over. `remove`: names of signals,
    and `ended`: waits, which are too old; the signals first.
    """

    wake: tuple[SignalWait, ...] = ()
    ask: tuple[SignalWait, ...] = ()
    remove: tuple[str, ...] = ()
    ended: tuple[SignalWait, ...] = ()


def plan(came: Mapping[str, Signal], waits: Sequence[SignalWait], now: datetime, kept: timedelta) -> Plan:
    """What to do now; `kept`: how long signals are kept that nobody waits for."""
    still_open = [wait for wait in waits if wait.ended is None]
    behind = [wait for wait in still_open if _is_behind(came, waits, wait, now)]
    ask = [wait for wait in still_open if wait in behind or is_due(now - wait.opened, _DAY)]
    if still_open:
        return Plan(wake=tuple(behind), ask=tuple(ask))

    over = [wait for wait in waits if wait.ended is not None and now - wait.ended > kept]
    old = [name for name in nobodys(came, waits) if now - came[name].received > kept]
    newer = {name for wait in waits if wait not in over for name in wait.taken}
    given = [name for wait in over for name in wait.taken if name in came and name not in newer]
    return Plan(remove=tuple(dict.fromkeys([*old, *given])), ended=tuple(over))


def is_due(age: timedelta, every: timedelta) -> bool:
    """Whether something of an age is looked at: after one span of time, two, four, eight …"""
    spans = int(age / every)
    return spans > 0 and spans & (spans - 1) == 0


def _is_behind(
    came: Mapping[str, Signal], waits: Sequence[SignalWait], wait: SignalWait, now: datetime
) -> bool:
    if len(wait.taken) >= MOST_OF_A_WAIT:
        return False
    return any(is_due(now - came[name].received, EVERY) for name in offered(came, waits, wait))
