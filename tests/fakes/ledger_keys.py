"""The key that ledgers of tests are signed with."""

from invoicing.approval.signing import LedgerKeys

LEDGER_KEY = "ledger-key-of-the-tests-0123456789"
LEDGER_KEYS = LedgerKeys((LEDGER_KEY,))
