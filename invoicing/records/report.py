"""What a report says of a batch as a whole: its head, and its totals. Money is of documents in order."""

from __future__ import annotations

from invoicing.findings import Severity
from invoicing.records.base import BatchId, Moment, Money, Record
from invoicing.records.batch import Counts, TakenIn
from invoicing.records.document import Outcome


class ReportHead(Record):
    """What the report is about; `source`: what was sent in, in words."""

    batch: BatchId
    created: TakenIn
    finished: Moment
    source: str


class Sums(Record):
    """Amounts of a group of documents; those of credit notes are subtracted."""

    documents: int
    credit_notes: int
    net: Money
    tax: Money
    gross: Money
    payable: Money


class CurrencySums(Sums):
    """The documents of one currency; empty where none is stated."""

    currency: str


class NotCounted(Sums):
    """Documents of one outcome other than `valid`, by currency."""

    outcome: Outcome
    currency: str


class SupplierSums(Sums):
    """A supplier's documents in order, by currency; `outcomes`: all of the supplier's documents."""

    supplier: str
    vat_id: str | None
    country: str | None
    outcomes: Counts
    currency: str


class TaxSums(Record):
    """The VAT of one currency, category and rate; a rate or category that is not stated is empty."""

    currency: str
    category: str
    rate: str
    documents: int
    taxable: Money
    tax: Money


class RuleCount(Record):
    """How many documents broke a rule, and how often."""

    rule: str
    severity: Severity
    documents: int
    findings: int


class BatchTotals(Record):
    """The totals of a batch; lists are sorted for reading. `bytes`: size of all documents together."""

    documents: int
    bytes: int
    outcomes: Counts
    kinds: dict[str, int]
    findings: dict[Severity, int]
    currencies: tuple[CurrencySums, ...]
    not_counted: tuple[NotCounted, ...]
    suppliers: tuple[SupplierSums, ...]
    tax: tuple[TaxSums, ...]
    rules: tuple[RuleCount, ...]
