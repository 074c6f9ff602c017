"""What was found in a document: the finding, and the table of the rules that are Settle's own.

The ids of official rules (``BR-CO-15``, ``BR-DE-1``, ``PEPPOL-EN16931-R008``) are their authors'.
Ids that begin with ``SETTLE-`` are ours and stand in `RULES`, each with what it means in plain words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from invoicing.rules.folder import RuleSet

Severity = Literal["fatal", "warning", "information"]
"""As in the official rules: only ``fatal`` makes a document invalid."""

Source = Literal["file", "xml", "schema", RuleSet, "settle"]
"""Which step found it: file, XML parser, XML schema, a set of official rules, or our own checks."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or remarkable; ``place`` is a path into the XML, ``line N``, or None."""

    rule: str
    severity: Severity
    text: str
    place: str | None
    source: Source


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of our own: ``meaning`` says in plain words what the rule is about and what follows from it."""

    severity: Severity
    source: Source
    meaning: str


MAX_TEXT = 600
"""Characters of a finding's text."""

RULES: dict[str, Rule] = {
    # The file
    "SETTLE-FILE-EMPTY": Rule("fatal", "file", "The file has no content."),
    "SETTLE-FILE-GONE": Rule("fatal", "file", "The file was removed or changed before it was read."),
    "SETTLE-FILE-TOO-LARGE": Rule("fatal", "file", "The file is larger than a document may be."),
    "SETTLE-PDF-SEVERAL": Rule("fatal", "file", "The PDF embeds several invoices that are not the same."),
    "SETTLE-NOT-INVOICE": Rule(
        "fatal", "file", "The file is readable, but it is not an invoice or credit note."
    ),
    "SETTLE-DUPLICATE": Rule(
        "fatal", "settle", "The supplier sent an invoice of this number before; it is not paid a second time."
    ),
    "SETTLE-SET-ASIDE": Rule("fatal", "settle", "Processing kept failing; the document waits for a person."),
    # A zip archive and its members
    "SETTLE-ZIP-PATH": Rule("fatal", "file", "The name of the file in the archive leads out of the archive."),
    "SETTLE-ZIP-LINK": Rule("fatal", "file", "The archive holds a link instead of a file."),
    "SETTLE-ZIP-ENCRYPTED": Rule("fatal", "file", "The file in the archive is locked with a password."),
    "SETTLE-ZIP-COMPRESSION": Rule(
        "fatal", "file", "The archive uses a kind of compression that is not read."
    ),
    "SETTLE-ZIP-RATIO": Rule("fatal", "file", "The file unpacks to suspiciously many times its packed size."),
    "SETTLE-ZIP-NESTED": Rule("fatal", "file", "The archive holds another archive; send its files instead."),
    "SETTLE-ZIP-DAMAGED": Rule("fatal", "file", "The archive is damaged at this file."),
    # XML as such
    "SETTLE-XML-BROKEN": Rule("fatal", "xml", "The file is not well-formed XML."),
    "SETTLE-XML-DTD": Rule(
        "fatal",
        "xml",
        "The file has a DOCTYPE. Invoices need none, and it can make a reader fetch other files.",
    ),
    "SETTLE-XML-LIMIT": Rule("fatal", "xml", "The XML is nested too deep or has too many elements."),
    "SETTLE-SCHEMA": Rule(
        "fatal", "schema", "The XML breaks the schema of its format; the rules were not run."
    ),
    # PDF
    "SETTLE-PDF-BROKEN": Rule("fatal", "file", "The PDF is damaged and cannot be opened."),
    "SETTLE-PDF-ENCRYPTED": Rule("fatal", "file", "The PDF is locked with a password."),
    "SETTLE-PDF-LIMIT": Rule(
        "fatal", "file", "The PDF takes more work to read than a PDF may. Save it anew with another program."
    ),
    "SETTLE-PDF-FILTER": Rule(
        "fatal", "file", "The invoice inside the PDF is packed in a way that is not read."
    ),
    "SETTLE-PDF-NO-INVOICE": Rule(
        "fatal",
        "file",
        "The PDF carries no invoice as data (Factur-X, ZUGFeRD or XRechnung), only a picture.",
    ),
    # Values that cannot be read
    "SETTLE-READ-NUMBER": Rule("fatal", "settle", "A value that must be a number is not one."),
    "SETTLE-READ-DATE": Rule("fatal", "settle", "A value that must be a date is not one."),
    # The official rules
    "SETTLE-RULES-ERROR": Rule(
        "fatal", "en16931", "The official rules stopped with an error at this document."
    ),
    "SETTLE-RULES-LIMIT": Rule(
        "fatal", "settle", "The invoice has too many rows of VAT breakdown; the official rules were not run."
    ),
    "SETTLE-PROFILE-UNKNOWN": Rule(
        "warning",
        "settle",
        "The invoice claims a profile that is not known; the core rules were run all the same.",
    ),
    "SETTLE-PROFILE-SYNTAX": Rule(
        "warning",
        "settle",
        "The invoice claims a profile of another syntax; the core rules were run all the same.",
    ),
    "SETTLE-PROFILE-RULES": Rule(
        "warning", "settle", "The invoice claims a profile whose own rules are not installed."
    ),
    # Sums, where the official rules do not look (see invoicing.checks)
    "SETTLE-SUM-LINES": Rule(
        "fatal", "settle", "The sum of the lines (BT-106) is not what the lines add up to."
    ),
    "SETTLE-SUM-ALLOWANCES": Rule("fatal", "settle", "The allowances (BT-107) are not what they add up to."),
    "SETTLE-SUM-CHARGES": Rule("fatal", "settle", "The charges (BT-108) are not what they add up to."),
    "SETTLE-SUM-NET": Rule(
        "fatal", "settle", "The net total (BT-109) is not lines less allowances plus charges."
    ),
    "SETTLE-SUM-TAX": Rule(
        "fatal", "settle", "The VAT total (BT-110) is not what the VAT breakdown adds up to."
    ),
    "SETTLE-SUM-TAX-ROW": Rule(
        "fatal", "settle", "A row of the VAT breakdown is not taxable amount times rate."
    ),
    "SETTLE-SUM-GROSS": Rule("fatal", "settle", "The gross total (BT-112) is not net total plus VAT."),
    "SETTLE-SUM-PAYABLE": Rule(
        "fatal", "settle", "The amount due (BT-115) is not gross less prepaid plus rounding."
    ),
    "SETTLE-SUM-LINE": Rule(
        "warning",
        "settle",
        "A line's net amount (BT-131) is not quantity times price, allowances and charges applied.",
    ),
    # Payment and parties
    "SETTLE-IBAN": Rule(
        "warning",
        "settle",
        "The IBAN is wrong. The invoice may be right, but it cannot be paid to this account.",
    ),
    "SETTLE-ACCOUNT-NEW": Rule(
        "warning",
        "settle",
        "The supplier is known, the account is not: no invoice of theirs to it was approved before. "
        "This is found when the policy is applied, so a batch's report does not have it.",
    ),
    "SETTLE-BUYER": Rule(
        "warning",
        "settle",
        "The invoice is addressed to none of the companies that the policy names as buyers. "
        "This is found when the policy is applied, so a batch's report does not have it.",
    ),
    # Order and goods (see invoicing.matching); found after the check, so a batch's report does not have them
    "SETTLE-MATCH-QUANTITY": Rule(
        "warning", "settle", "More is billed than was ordered, or than was received in time."
    ),
    "SETTLE-MATCH-PRICE": Rule("warning", "settle", "A line costs something else than the order says."),
    "SETTLE-MATCH-UNIT": Rule(
        "warning", "settle", "A line is ordered, received and billed in different units of measure."
    ),
    "SETTLE-MATCH-LINE": Rule("warning", "settle", "A line of the invoice belongs to no line of the order."),
    "SETTLE-ORDER-UNKNOWN": Rule(
        "warning", "settle", "The invoice names an order that is not known, so its goods were not compared."
    ),
    "SETTLE-ORDER-MISSING": Rule(
        "warning", "settle", "The invoice names no order, so nobody could compare it with one."
    ),
    "SETTLE-BIC": Rule("warning", "settle", "The BIC has not the form of a BIC."),
    "SETTLE-VAT-ID": Rule(
        "warning", "settle", "The VAT id does not pass the check of its country; it may be mistyped."
    ),
    # Checks of new suppliers by services elsewhere (see invoicing.supplier_checks)
    "SETTLE-VAT-UNKNOWN": Rule(
        "warning",
        "settle",
        "The service that knows VAT ids does not know the supplier's. "
        "This is found when the policy is applied, so a batch's report does not have it.",
    ),
    "SETTLE-SUPPLIER-UNKNOWN": Rule(
        "warning",
        "settle",
        "A register or system that knows suppliers does not know this one. "
        "This is found when the policy is applied, so a batch's report does not have it.",
    ),
    "SETTLE-SUPPLIER-NAME": Rule(
        "warning",
        "settle",
        "The supplier has another name elsewhere than on the invoice. "
        "This is found when the policy is applied, so a batch's report does not have it.",
    ),
    "SETTLE-SUPPLIER-UNCHECKED": Rule(
        "warning",
        "settle",
        "The supplier is new, and a check of it did not come to an end. "
        "This is found when the policy is applied, so a batch's report does not have it.",
    ),
    # Exchange rates, where the policy compares amounts of other currencies
    "SETTLE-RATE-NONE": Rule(
        "information",
        "settle",
        "There is no exchange rate for the currency, so no rule that compares converted amounts applied. "
        "This is found when the policy is applied, so a batch's report does not have it.",
    ),
    "SETTLE-RATES-OLD": Rule(
        "information",
        "settle",
        "The exchange rates are too old, so no rule that compares converted amounts applied. "
        "This is found when the policy is applied, so a batch's report does not have it.",
    ),
    # Dates
    "SETTLE-DATE-DUE": Rule("warning", "settle", "The due date lies before the issue date."),
    "SETTLE-DATE-FUTURE": Rule("warning", "settle", "The issue date lies in the future."),
    "SETTLE-DATE-YEAR": Rule("warning", "settle", "The year of a date is implausible."),
}

PAYMENT_BLOCKERS = frozenset({"SETTLE-IBAN"})
"""Findings that leave the invoice valid but forbid to pay it as it is: someone mends the account first."""


def finding(rule: str, text: str | None = None, place: str | None = None) -> Finding:
    """Make a finding of one of our own `RULES`; ``text`` says what is wrong here, else the rule's meaning."""
    entry = RULES[rule]
    return Finding(rule, entry.severity, shortened(text or entry.meaning, MAX_TEXT), place, entry.source)


def shortened(text: str, length: int) -> str:
    """Cut a text that may hold values from outside: a name in an invoice can have megabytes."""
    return text if len(text) <= length else text[: length - 3] + "..."


def is_fatal(findings: Iterable[Finding]) -> bool:
    """Tell whether one of the findings makes the document invalid."""
    return any(found.severity == "fatal" for found in findings)
