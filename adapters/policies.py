"""The policy file: read when it is needed, parsed again when it changed."""

from __future__ import annotations

import threading
from pathlib import Path

from adapters.settings import Settings
from invoicing.approval.policy import Policy, PolicyInvalid
from invoicing.approval.policy_file import parse

_lock = threading.Lock()
_parsed: dict[Path, tuple[bytes, Policy]] = {}


def load(settings: Settings) -> Policy:
    """The policy that `SETTLE_POLICY` names. Raises PolicyInvalid, also where there is no such file."""
    path = settings.policy_file
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        problem = f"{path.name} cannot be read ({reason}): set SETTLE_POLICY to the file"
        raise PolicyInvalid([problem]) from error
    with _lock:
        known = _parsed.get(path)
        if known is None or known[0] != data:
            known = _parsed[path] = (data, parse(data))
        return known[1]
