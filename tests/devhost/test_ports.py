"""Ports of the host: of two hosts that start at the same moment, the second takes another one."""

from __future__ import annotations

import pytest

from devhost.errors import PortInUse
from devhost.host import _bound


def test_port_that_another_host_has_just_taken_is_in_use() -> None:
    """Binding alone does not take it: two sockets may bind to one port until one of them listens."""
    with _bound("127.0.0.1", 0, listening=True) as first, pytest.raises(PortInUse):
        _bound("127.0.0.1", first.getsockname()[1], listening=True)
