"""The domain: reading, checking, reporting invoices. Pure: no I/O but the rule files, nothing of the app."""
