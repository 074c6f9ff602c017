"""What tests of the official rules share: one Checker per process, since compiling them takes a second."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from invoicing.assess import Checker

PROJECT = Path(__file__).resolve().parents[1]
RULES = PROJECT / ".rules"
CORPUS = PROJECT.parent / "shared" / "corpus"

needs_rules = pytest.mark.skipif(
    not RULES.is_dir(), reason="no .rules: run python -m invoicing.rules.fetch --into .rules"
)


@cache
def checker() -> Checker:
    """Return the one Checker of this process."""
    return Checker(RULES)
