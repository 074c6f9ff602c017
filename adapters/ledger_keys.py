"""The keys that ledgers are signed with: from the settings, never from the storage that holds the ledgers."""

from __future__ import annotations

from adapters.setting_values import SettingError
from adapters.settings import Settings
from invoicing.approval.signing import LedgerKeys


def load_ledger_keys(settings: Settings) -> LedgerKeys:
    """The keys of the settings; in a local run without any, none, and then nothing is signed.

    Raises SettingError where the app is deployed and has no key: a decision that nobody can prove is not
    taken.
    """
    development = settings.access.development
    if not settings.ledger.keys and not development:
        raise SettingError(
            "SETTLE_LEDGER_KEY is not set, or its key vault was not reached. Set it to a random text of at "
            "least 32 characters that is not kept in the storage account: what people decide is signed with "
            "it, and nothing is decided without it."
        )
    return LedgerKeys(settings.ledger.keys, unsigned_counts=development)
