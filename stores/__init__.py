"""Storage that speaks of batches, invoices, approvals, payables: the only place with blob names and JSON."""
