"""The file of supplier checks: read when it is needed, parsed again when it changed."""

from __future__ import annotations

import threading
from pathlib import Path

from adapters.settings import Settings
from invoicing.supplier_checks.services import Checks, ChecksInvalid
from invoicing.supplier_checks.services_file import parse

_lock = threading.Lock()
_parsed: dict[Path, tuple[bytes, Checks]] = {}


def load(settings: Settings) -> Checks | None:
    """The services that `SETTLE_SUPPLIER_CHECKS` names; None where nothing is to be checked.

    Raises ChecksInvalid, also where there is no such file.
    """
    path = settings.lookups.checks_file
    if path is None:
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        problem = f"{path.name} cannot be read ({reason}): set SETTLE_SUPPLIER_CHECKS to the file"
        raise ChecksInvalid([problem]) from error
    with _lock:
        known = _parsed.get(path)
        if known is None or known[0] != data:
            known = _parsed[path] = (data, parse(data))
        return known[1]
