"""The domain: reading, checking and reporting invoices. Pure: no I/O but the rule files, nothing of the app."""
