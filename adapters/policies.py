"""The policy file."""

from __future__ import annotations

from adapters.parsed_files import ParsedFile
from adapters.settings import Settings
from invoicing.approval.policy import Policy, PolicyInvalid
from invoicing.approval.policy_file import parse

_files = ParsedFile("SETTLE_POLICY", parse, PolicyInvalid)


def load(settings: Settings) -> Policy:
    """The policy that `SETTLE_POLICY` names. Raises PolicyInvalid, also where there is no such file."""
    return _files.load(settings.policy_file)
