"""The words of a report: what codes and rules mean to the people who read it."""

import re
from functools import cache

from invoicing.findings import RULES, Severity
from invoicing.model import Kind
from invoicing.records.document import DocumentRow, Outcome
from invoicing.rules.profiles import RULE_SETS

OUTCOMES: dict[Outcome, str] = {
    "valid": "In order",
    "invalid": "Errors",
    "duplicate": "Duplicate",
    "unreadable": "Not readable",
    "set_aside": "Set aside",
}
"""Outcome -> label, in the order in which they are shown."""

KINDS: dict[Kind, str] = {
    "ubl-invoice": "UBL invoice",
    "ubl-credit-note": "UBL credit note",
    "cii": "CII",
    "pdf-cii": "PDF with CII",
    "pdf-ubl": "PDF with UBL",
}

VAT_CATEGORIES = {
    "S": "Standard or reduced rate",
    "Z": "Zero rate",
    "E": "Exempt",
    "AE": "Reverse charge",
    "K": "Intra-Community supply",
    "G": "Export",
    "O": "Not subject to VAT",
    "L": "Canary Islands tax (IGIC)",
    "M": "Ceuta and Melilla tax (IPSI)",
    "B": "Split payment (Italy)",
}

_RULE_SETS: dict[str, str] = {**RULE_SETS}


def checked_against(row: DocumentRow) -> str:
    """The sets of official rules that ran over a document, in words; empty where none ran."""
    names = [_RULE_SETS.get(name, name) for name in row.checked]
    if not names:
        return ""
    return " and ".join(names) + ("" if row.fully_checked else ", not all rules of its profile")


SEVERITIES: dict[Severity, str] = {"fatal": "Error", "warning": "Warning", "information": "Note"}

_RULES = {
    "BR-01": "It does not say which specification it follows.",
    "BR-02": "The invoice number is missing.",
    "BR-03": "The issue date is missing.",
    "BR-04": "The document type is missing.",
    "BR-05": "The currency is missing.",
    "BR-06": "The seller's name is missing.",
    "BR-07": "The buyer's name is missing.",
    "BR-08": "The seller's address is missing.",
    "BR-09": "The seller's country is missing.",
    "BR-10": "The buyer's address is missing.",
    "BR-11": "The buyer's country is missing.",
    "BR-12": "The sum of the lines is missing.",
    "BR-13": "The total without VAT is missing.",
    "BR-14": "The total with VAT is missing.",
    "BR-15": "The amount due is missing.",
    "BR-16": "It has no lines.",
    "BR-21": "A line has no number.",
    "BR-22": "A line has no quantity.",
    "BR-23": "A line does not name its unit.",
    "BR-24": "A line has no amount.",
    "BR-25": "A line does not name its item.",
    "BR-26": "A line has no price.",
    "BR-27": "A price is negative.",
    "BR-29": "The invoicing period ends before it begins.",
    "BR-30": "The period of a line ends before it begins.",
    "BR-33": "An allowance gives no reason.",
    "BR-38": "A charge gives no reason.",
    "BR-45": "A row of the VAT breakdown has no taxable amount.",
    "BR-46": "A row of the VAT breakdown has no tax amount.",
    "BR-47": "A row of the VAT breakdown does not name its category.",
    "BR-48": "A row of the VAT breakdown has no rate.",
    "BR-50": "The account to pay to is missing.",
    "BR-51": "A full card number is in the invoice; only the last digits may be.",
    "BR-53": "The VAT total in the accounting currency is missing.",
    "BR-55": "A preceding invoice is referred to without its number.",
    "BR-61": "It asks for a credit transfer and does not name the account.",
    "BR-62": "The seller's electronic address does not name its scheme.",
    "BR-63": "The buyer's electronic address does not name its scheme.",
    "BR-CO-03": "The tax point is given as a date and as a code; only one may be.",
    "BR-CO-04": "A line does not name its VAT category.",
    "BR-CO-09": "A VAT id does not begin with a country code.",
    "BR-CO-10": "The sum of the lines is not what the lines add up to.",
    "BR-CO-11": "The sum of the allowances is not what they add up to.",
    "BR-CO-12": "The sum of the charges is not what they add up to.",
    "BR-CO-13": "The total without VAT is not lines less allowances plus charges.",
    "BR-CO-14": "The VAT total is not what the VAT breakdown adds up to.",
    "BR-CO-15": "The total with VAT is not the total without VAT plus the VAT.",
    "BR-CO-16": "The amount due is not the total with VAT less what was prepaid, plus rounding.",
    "BR-CO-17": "A tax amount of the VAT breakdown is not taxable amount times rate.",
    "BR-CO-18": "The VAT breakdown is missing.",
    "BR-CO-19": "The invoicing period has neither a beginning nor an end.",
    "BR-CO-20": "The period of a line has neither a beginning nor an end.",
    "BR-CO-25": "It says neither when it is due nor on which terms.",
    "BR-CO-26": "The seller is named without any identifier (VAT id, legal id or own id).",
    "BR-IC-11": "An intra-Community supply needs the delivery date or the invoicing period.",
    "BR-IC-12": "An intra-Community supply needs the country it was delivered to.",
    "BR-O-02": "Not subject to VAT, and yet the seller's or buyer's VAT id is given.",
    "BR-DE-1": "The payment instructions are missing.",
    "BR-DE-2": "The seller's contact is missing.",
    "BR-DE-3": "The seller's city is missing.",
    "BR-DE-4": "The seller's post code is missing.",
    "BR-DE-5": "The seller's contact person is missing.",
    "BR-DE-6": "The seller's telephone number is missing.",
    "BR-DE-7": "The seller's e-mail address is missing.",
    "BR-DE-8": "The buyer's city is missing.",
    "BR-DE-9": "The buyer's post code is missing.",
    "BR-DE-10": "The city of the delivery address is missing.",
    "BR-DE-11": "The post code of the delivery address is missing.",
    "BR-DE-14": "A row of the VAT breakdown has no rate.",
    "BR-DE-15": "The buyer reference (Leitweg-ID) is missing.",
    "BR-DE-16": "The seller's VAT id or tax number is missing.",
    "BR-DE-17": "The document type is not one of those that XRechnung uses.",
    "BR-DE-18": "The cash discount terms are not in the form that XRechnung asks for.",
    "BR-DE-19": "The IBAN to pay to is wrong.",
    "BR-DE-20": "The IBAN to debit is wrong.",
    "BR-DE-21": "The specification it names is not XRechnung's.",
    "BR-DE-22": "Two attachments have the same file name.",
    "BR-DE-26": "A corrected invoice should name the invoice that it corrects.",
    "BR-DE-27": "The seller's telephone number looks wrong.",
    "BR-DE-28": "The seller's e-mail address looks wrong.",
    "BR-DE-TMP-32": "It does not say when the goods or services were delivered.",
    "PEPPOL-EN16931-R001": "The business process is missing.",
    "PEPPOL-EN16931-R008": "It has empty elements.",
    "PEPPOL-EN16931-R010": "The buyer's electronic address is missing.",
    "PEPPOL-EN16931-R020": "The seller's electronic address is missing.",
    "PEPPOL-EN16931-R040": "An allowance or charge is not its base amount times its percentage.",
    "PEPPOL-EN16931-R110": "The period of a line begins outside the invoicing period.",
    "PEPPOL-EN16931-R111": "The period of a line ends outside the invoicing period.",
    "PEPPOL-EN16931-R120": "The amount of a line is not quantity times price.",
    "PEPPOL-EN16931-R130": "The unit of a price is not the unit of its quantity.",
}

_CATEGORY_RULES = {
    "01": "{category}: the VAT breakdown has no row for it, or more than it may have.",
    "02": "{category} on a line: the VAT ids that this needs are missing.",
    "03": "{category} on an allowance: the VAT ids that this needs are missing.",
    "04": "{category} on a charge: the VAT ids that this needs are missing.",
    "05": "{category} on a line: its VAT rate does not fit.",
    "06": "{category} on an allowance: its VAT rate does not fit.",
    "07": "{category} on a charge: its VAT rate does not fit.",
    "08": "{category}: the taxable amount is not what lines, allowances and charges add up to.",
    "09": "{category}: the tax amount does not fit the taxable amount and the rate.",
    "10": "{category}: the reason for the exemption is missing, or there is one and should not be.",
}

_FAMILIES = [
    (re.compile(r"BR-CL-\d+"), "A code is not in the official code list."),
    (re.compile(r"BR-DEC-\d+"), "An amount has more than two decimals."),
    (re.compile(r"(UBL|CII)-(CR|SR|DT)-\d+"), "It has an element that the standard does not provide for."),
]

_CATEGORY_OF_FAMILY = {"IC": "K", "AF": "L", "AG": "M"}


@cache
def plain(rule: str) -> str | None:
    """Return what it means for a document to break this rule, in one plain sentence, or None if not known."""
    if rule in RULES:
        return RULES[rule].meaning
    if rule in _RULES:
        return _RULES[rule]
    of_category = re.fullmatch(r"BR-(S|Z|E|AE|IC|G|O|AF|AG)-(\d\d)", rule)
    if of_category and of_category[2] in _CATEGORY_RULES:
        category = _CATEGORY_OF_FAMILY.get(of_category[1], of_category[1])
        return _CATEGORY_RULES[of_category[2]].format(category=VAT_CATEGORIES[category])
    return next((text for pattern, text in _FAMILIES if pattern.fullmatch(rule)), None)
