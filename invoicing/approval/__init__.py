"""Approval: who must say yes to an invoice, what they said, and the ledger that proves it. All is pure."""
