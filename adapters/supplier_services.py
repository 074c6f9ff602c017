"""The file of supplier checks."""

from __future__ import annotations

from adapters.parsed_files import ParsedFile
from adapters.settings import Settings
from invoicing.supplier_checks.services import Checks, ChecksInvalid
from invoicing.supplier_checks.services_file import parse

_files = ParsedFile("SETTLE_SUPPLIER_CHECKS", parse, ChecksInvalid)


def load(settings: Settings) -> Checks | None:
    """The services that `SETTLE_SUPPLIER_CHECKS` names; None where nothing is to be checked.

    Raises ChecksInvalid, also where there is no such file.
    """
    path = settings.lookups.checks_file
    return _files.load(path) if path is not None else None
