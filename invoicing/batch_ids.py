"""The form of a batch's id."""

from __future__ import annotations

import re

_BATCH_ID = re.compile(r"b[0-9a-f]{24}")


def is_batch_id(text: str) -> bool:
    """Say whether a text has the form of our batch ids: `b` and 24 hex digits."""
    return _BATCH_ID.fullmatch(text) is not None
