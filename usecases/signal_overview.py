"""What waits of signals: those that nobody waited for, and how many workflows wait."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from invoicing.records.signals import Signal
from invoicing.signals.offering import nobodys
from stores import signals
from stores.blobs import Blobs


@dataclass(frozen=True)
class Overview:
    """`unknown`: the oldest signals that nobody waited for; `total`: how many there are of these.

    `waiting`: how many waits are open.
    """

    unknown: tuple[Signal, ...]
    total: int
    waiting: int


def overview(blobs: Blobs, most: int) -> Overview:
    """Look at all signals once; one listing. Raises StorageError."""
    oldest: list[tuple[float, str, Signal]] = []
    total = waiting = 0
    for folder in signals.folders(blobs):
        waiting += sum(1 for wait in folder.waits if wait.ended is None)
        for name in nobodys(folder.came, folder.waits):
            signal = folder.came[name]
            total += 1
            # The largest of these is the newest, which goes when there are too many.
            entry = (-signal.received.timestamp(), f"{folder.prefix}{name}", signal)
            (heapq.heappush if len(oldest) < most else heapq.heappushpop)(oldest, entry)
    found = sorted(oldest, key=lambda entry: (-entry[0], entry[1]))
    return Overview(tuple(signal for _, _, signal in found), total, waiting)
