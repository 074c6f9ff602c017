"""Which signals are for whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from invoicing.records.signals import Signal, SignalWait

#: Signals that one wait is given; what is more stays, and the log says so.
MOST_OF_A_WAIT = 5000


def offered(came: Mapping[str, Signal], waits: Iterable[SignalWait], wait: SignalWait) -> list[str]:
    """The names of the signals that a wait is to be given next, the oldest first.

    All but those that it has, and those that another one was given that has ended. Waits that are open at the
    same time are each given all. A run that is started again is given everything again, one that continues
    as new is not.
    """
    over = [one for one in waits if one.ended and (wait.continues or one.instance != wait.instance)]
    given = {name for one in over for name in one.taken}
    fresh = came.keys() - given - set(wait.taken)
    return sorted(fresh, key=lambda name: (came[name].received, name))


def nobodys(came: Mapping[str, Signal], waits: Iterable[SignalWait]) -> list[str]:
    """The names of the signals that nobody was given and nobody waits for, the oldest first."""
    known = list(waits)
    if any(wait.ended is None for wait in known):
        return []
    given = {name for wait in known for name in wait.taken}
    return sorted(came.keys() - given, key=lambda name: (came[name].received, name))
