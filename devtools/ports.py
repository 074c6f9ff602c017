"""Finding TCP ports on the loopback interface."""

import socket
import time
from collections.abc import Callable, Sequence

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of an earlier run that linger in TIME_WAIT do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose(preferred: Sequence[int]) -> list[int]:
    """One free port for each preferred one: that very port where it is free, else (and for 0) any free one.

    The ports differ from each other. Another program may take one before it is used; who starts a server on
    them notices that and asks again.
    """
    chosen: list[int] = []
    held: list[socket.socket] = []
    try:
        for port in preferred:
            if port and port not in chosen and is_free(port):
                chosen.append(port)
                continue
            # Held until all are chosen, so that the system does not give out the same port twice.
            holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            held.append(holder)
            holder.bind((LOOPBACK, 0))
            chosen.append(holder.getsockname()[1])
    finally:
        for holder in held:
            holder.close()
    return chosen


def accepts(port: int, timeout: float = 1.0) -> bool:
    """Whether something accepts connections on this port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout):
            return True
    except OSError:
        return False


def wait_until(ready: Callable[[], bool], *, timeout: float, interval: float = 0.05) -> bool:
    """Ask ``ready`` until it says yes (True) or ``timeout`` seconds are over (False)."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True
