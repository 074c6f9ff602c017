"""Hosts for tests of orchestrations: in the test's own thread, with time that skips and faults by seed."""

from devhost.testing.host import App, Host, HostCrash, Status, VirtualClock, in_turn
from devhost.testing.simulation import SEED_VARIABLE, Chaos, explore, seed_from_environment

__all__ = [
    "SEED_VARIABLE",
    "App",
    "Chaos",
    "Host",
    "HostCrash",
    "Status",
    "VirtualClock",
    "explore",
    "in_turn",
    "seed_from_environment",
]
