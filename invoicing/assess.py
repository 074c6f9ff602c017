"""One document from bytes to result: read it, check it, and say what it is.

The order: safe XML, XML schema, official rules, our own checks. A document that
breaks a rule is a result, never an exception; only a fault of the installation (missing files) is raised.

Which official rules run says the profile that a document claims (BT-24, `invoicing.rules.profiles`); the core
rules run where it is not known. None run over a document that breaks the schema: they are written for valid
documents, and some real files crash them otherwise. Nor do they over one that would take them minutes.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Literal

from invoicing import checks
from invoicing.duplicates import claim_key, supplier_identity
from invoicing.findings import MAX_TEXT, Finding, Severity, finding, is_fatal, shortened
from invoicing.model import MAX_ACCOUNTS, Invoice, Kind
from invoicing.opening import Opened, open_document
from invoicing.readers import cii, ubl
from invoicing.readers.detect import Syntax, claims_en16931, is_minimum
from invoicing.records.document import DocumentRow, InvoiceSummary, TaxRow
from invoicing.rules.folder import SCHEMAS, RuleSet, require
from invoicing.rules.official import OfficialRules, ParsedDocument
from invoicing.rules.profiles import CHECK_SUMS, RULE_SETS, Profile, profile_of, rules_for
from invoicing.rules.schema import Schema
from invoicing.safe_xml import BadDocument, to_text

Outcome = Literal["valid", "invalid", "unreadable"]
"""``valid``: an invoice without fatal finding; ``unreadable``: not an invoice that could be read."""

MAX_TAX_ROWS = 100
"""Rows of the VAT breakdown in a summary; there is one per category and rate."""

_LONGEST_PROFILE = 200

MAX_PER_RULE = 20
"""A rule broken by each of thousands of lines is told this many times."""


@dataclass(frozen=True)
class Assessment:
    """The result of one document: what it is, whether it is valid, and what was found.

    ``en16931`` tells whether it claims an EN 16931 profile. ``checked``: the rule sets that ran over it;
    ``fully_checked``: they are all that its profile asks for.
    """

    kind: Kind | None
    outcome: Outcome
    profile: str | None = None
    en16931: bool = False
    checked: tuple[RuleSet, ...] = ()
    fully_checked: bool = False
    findings: list[Finding] = field(default_factory=list[Finding])
    invoice: Invoice | None = None


class Checker:
    """Assesses documents with the rules of one folder; one per process, since compiled rules take 150 MB.

    Everything is compiled on first use. Calls from several threads are safe and run one after the other.
    """

    def __init__(self, rules_folder: Path) -> None:
        """Take the folder that `invoicing.rules.fetch` filled; raises `RulesMissing`."""
        require(rules_folder)
        self._lock = threading.Lock()
        self._schemas = {syntax: Schema(rules_folder, file) for syntax, file in SCHEMAS.items()}
        self._rules = OfficialRules(rules_folder)

    def assess(self, name: str, content: bytes, today: date | None = None) -> Assessment:
        """Read and check one document; never raises for what is in it.

        ``name`` is only for messages: what a file is, its content says. With ``today``, issue dates in the
        future are found.
        """
        with self._lock:
            try:
                opened = open_document(name, content)
            except BadDocument as error:
                return Assessment(kind=None, outcome="unreadable", findings=[error.finding])
            return self._assess(opened, today)

    def _assess(self, opened: Opened, today: date | None) -> Assessment:
        reader = cii if opened.syntax == "cii" else ubl
        invoice, found = reader.read(opened.root, opened.kind)
        profile = profile_of(invoice.profile)
        ran: tuple[RuleSet, ...] = ()
        broken = self._schemas[opened.syntax].findings(opened.root)
        broken = broken or checks.too_much_for_the_rules(invoice)
        found += broken
        if not broken:
            ran = rules_for(profile, opened.syntax)
            found += self._official(opened, profile, ran)
        found += _of_profile(profile, invoice.profile, opened.syntax, ran)
        found += checks.check(
            invoice,
            official=not CHECK_SUMS.isdisjoint(ran),
            minimum=is_minimum(invoice.profile),
            today=today,
        )
        return Assessment(
            kind=opened.kind,
            outcome="invalid" if is_fatal(found) else "valid",
            profile=invoice.profile,
            en16931=claims_en16931(invoice.profile),
            checked=ran,
            fully_checked=profile is not None and profile.is_satisfied_by(ran, opened.syntax),
            findings=limited(found),
            invoice=invoice,
        )

    def _official(self, opened: Opened, profile: Profile | None, rules: tuple[RuleSet, ...]) -> list[Finding]:
        """What the rule sets find, with the levels of the profile; what two of them find is told once."""
        document = ParsedDocument(to_text(opened.root)) if rules else None
        found: list[Finding] = []
        for rule_set in rules:
            told = {one.rule for one in found}
            new = self._rules.findings(rule_set, opened.syntax, document) if document else []
            found += [one for one in new if one.rule not in told]
        if profile is None:
            return found
        return [_levelled(one, profile.level(opened.syntax, one.rule)) for one in found]


def _levelled(found: Finding, level: Severity | None) -> Finding:
    return found if level is None else replace(found, severity=level)


def _of_profile(
    profile: Profile | None, claimed: str | None, syntax: Syntax, ran: tuple[RuleSet, ...]
) -> list[Finding]:
    """What is to be said of the profile: nothing where all of its rules are here.

    A document without a profile breaks the core rule BR-01.
    """
    names = " and ".join(RULE_SETS[rule_set] for rule_set in ran)
    by = f"it was checked against {names} alone" if ran else "no official rules were run"
    if profile is None:
        if not claimed:
            return []
        text = f"The profile “{shortened(claimed, _LONGEST_PROFILE)}” (BT-24) is not known: {by}."
        return [finding("SETTLE-PROFILE-UNKNOWN", text)]
    if profile.missing:
        text = f"The invoice claims {profile.name}, whose own rules are not installed: {by}."
        return [finding("SETTLE-PROFILE-RULES", text)]
    if not profile.rules(syntax):
        return [finding("SETTLE-PROFILE-SYNTAX", f"{profile.name} is no profile of this syntax: {by}.")]
    return []


def limited(findings: Iterable[Finding]) -> list[Finding]:
    """Keep at most `MAX_PER_RULE` findings of each rule; the last one kept says how many more there were."""
    listed = list(findings)
    totals = Counter(found.rule for found in listed)
    seen: Counter[str] = Counter()
    kept: list[Finding] = []
    for found in listed:
        seen[found.rule] += 1
        more = totals[found.rule] - MAX_PER_RULE
        if seen[found.rule] == MAX_PER_RULE and more > 0:
            found = replace(found, text=f"{found.text} (and {more} more of this rule)")
        if seen[found.rule] <= MAX_PER_RULE:
            kept.append(found)
    return kept


def row(n: int, name: str, content: bytes, assessment: Assessment) -> DocumentRow:
    """Return a document's result as a row of a batch: ``n`` is its number there.

    Amounts keep the digits as written; texts are cut at `MAX_TEXT` characters, so that a row stays small.
    """
    invoice = assessment.invoice
    return DocumentRow(
        n=n,
        # A name from outside may hold half a character, which no encoding of text can have.
        name=name.encode("utf-8", "replace").decode(),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        kind=assessment.kind,
        profile=_short(assessment.profile),
        en16931=assessment.en16931,
        checked=assessment.checked,
        fully_checked=assessment.fully_checked,
        outcome=assessment.outcome,
        invoice=summary(invoice) if invoice else None,
        claim=claim_of(invoice) if invoice else None,
        findings=tuple(assessment.findings),
    )


def summary(invoice: Invoice) -> InvoiceSummary:
    """Return what a report and a payment need of an invoice."""
    totals = invoice.totals
    return InvoiceSummary(
        number=_short(invoice.number),
        type_code=_short(invoice.type_code),
        issue_date=invoice.issue_date,
        due_date=invoice.due_date,
        currency=_short(invoice.currency),
        seller=_short(invoice.seller.name),
        seller_vat_id=_short(invoice.seller.vat_id),
        seller_legal_id=_short(invoice.seller.legal_id.value) if invoice.seller.legal_id else None,
        seller_country=_short(invoice.seller.address.country) if invoice.seller.address else None,
        buyer=_short(invoice.buyer.name),
        buyer_vat_id=_short(invoice.buyer.vat_id),
        buyer_legal_id=_short(invoice.buyer.legal_id.value) if invoice.buyer.legal_id else None,
        buyer_address=_short(invoice.buyer.electronic_address.value)
        if invoice.buyer.electronic_address
        else None,
        order_reference=_short(invoice.order_reference),
        net=totals.net,
        tax=totals.tax,
        gross=totals.gross,
        payable=totals.payable,
        tax_breakdown=tuple(
            TaxRow(category=_short(part.category), rate=part.rate, taxable=part.taxable, tax=part.tax)
            for part in invoice.tax_breakdown[:MAX_TAX_ROWS]
        ),
        iban=next(iter(invoice.ibans), None),
        accounts=tuple(shortened(account, MAX_TEXT) for account in invoice.accounts[:MAX_ACCOUNTS]),
    )


def claim_of(invoice: Invoice) -> str | None:
    """Return the key by which the same invoice is recognised; None when supplier or number is missing."""
    seller = invoice.seller
    legal_id = seller.legal_id.value if seller.legal_id else None
    supplier = supplier_identity(seller.vat_id, legal_id, seller.name)
    return claim_key(supplier, invoice.number, invoice.type_code)


def _short(text: str | None) -> str | None:
    return None if text is None else shortened(text, MAX_TEXT)
