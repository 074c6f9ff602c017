"""Storage for the tests that break things."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def storage() -> str:
    """The connection string of an Azurite; `dev.py test` gives one."""
    connection = os.environ.get("SETTLE_TEST_STORAGE")
    if not connection:
        pytest.skip("no storage to test against: SETTLE_TEST_STORAGE is not set (dev.py test sets it)")
    return connection
