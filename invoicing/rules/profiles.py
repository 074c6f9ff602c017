"""Which rules judge which document: the table of profiles (BT-24).

A profile says which rule sets judge a document in its syntax, and which rules of them count more or less than
their authors' stylesheet says. Identifiers are compared as they are, without the blanks around them: another
spelling is another identifier. Sources: the specifications of Factur-X 1.09 and XRechnung 3.0, and KoSIT's
validator-configuration-xrechnung for the levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from invoicing.findings import Severity
from invoicing.rules.folder import RuleSet

if TYPE_CHECKING:
    from invoicing.readers.detect import Syntax

Levels = Mapping[str, Severity]
"""Severities by rule, where they differ from those of the stylesheet."""

RULE_SETS: dict[RuleSet, str] = {
    "en16931": "EN 16931",
    "xrechnung": "XRechnung 3.0",
    "factur-x-minimum": "Factur-X MINIMUM",
    "factur-x-basic-wl": "Factur-X BASIC WL",
    "factur-x-basic": "Factur-X BASIC",
    "factur-x-en16931": "Factur-X EN 16931",
    "factur-x-extended": "Factur-X EXTENDED",
    "fr-ctc-extended": "Extended CTC FR",
    "fr-ctc": "French CTC",
}
"""The names of rule sets for people."""

#: Rule sets that hold the rules of EN 16931 for sums: our own checks of sums are left to them.
CHECK_SUMS: frozenset[RuleSet] = frozenset(("en16931", "factur-x-extended", "fr-ctc-extended"))


@dataclass(frozen=True)
class Profile:
    """A profile. `name`: for people. `ubl`, `cii`: what judges it in that syntax, in this order.

    `levels`: by syntax. `missing`: rules that such a document has to follow too, and that are not here.
    """

    name: str
    ubl: tuple[RuleSet, ...] = ()
    cii: tuple[RuleSet, ...] = ()
    levels: Mapping[Syntax, Levels] = field(default_factory=dict["Syntax", Levels])
    missing: str = ""

    def rules(self, syntax: Syntax) -> tuple[RuleSet, ...]:
        """The rule sets that judge a document of this profile in a syntax."""
        return self.cii if syntax == "cii" else self.ubl

    def is_satisfied_by(self, ran: tuple[RuleSet, ...], syntax: Syntax) -> bool:
        """Whether these are all rules that a document of this profile has to follow."""
        return bool(ran) and ran == self.rules(syntax) and not self.missing

    def level(self, syntax: Syntax, rule: str) -> Severity | None:
        """How much a rule counts; None: as much as its stylesheet says."""
        return self.levels.get(syntax, {}).get(rule)


_CORE: tuple[RuleSet, ...] = ("en16931",)
_XRECHNUNG: tuple[RuleSet, ...] = ("en16931", "xrechnung")


def _levels(information: str = "", warning: str = "", error: str = "") -> Levels:
    of_each: tuple[tuple[str, Severity], ...] = (
        (information, "information"),
        (warning, "warning"),
        (error, "fatal"),
    )
    return {rule: severity for rules, severity in of_each for rule in rules.split()}


_CII_SINGLE = "CII-SR-452 CII-SR-453 CII-SR-454"
_CODES = "BR-CL-21 BR-CL-23"
_EXTENSION_CODES = "BR-CL-10 BR-CL-11 BR-CL-21 BR-CL-24 BR-CL-25 BR-CL-26"

# validator-configuration-xrechnung of KoSIT, April 2026: scenarios and their custom levels.
_STANDARD_LEVELS: dict[Syntax, Levels] = {
    "ubl-invoice": _levels(warning=_CODES, error="UBL-CR-646"),
    "ubl-credit-note": _levels(warning=_CODES),
    "cii": _levels(warning=_CODES, error=_CII_SINGLE),
}
_EXTENSION_LEVELS: dict[Syntax, Levels] = {
    "ubl-invoice": _levels(
        information=f"{_EXTENSION_CODES} BR-CO-16 UBL-CR-470 UBL-CR-646", warning="BR-CL-23"
    ),
    "cii": _levels(information=_EXTENSION_CODES, warning="BR-CL-23", error=_CII_SINGLE),
}
_CVD_LEVELS: dict[Syntax, Levels] = {
    "ubl-invoice": _levels(information="BR-CL-13", warning=_CODES, error="UBL-CR-646"),
    "ubl-credit-note": _levels(information="BR-CL-13", warning=_CODES, error="UBL-CR-646"),
    "cii": _levels(information="BR-CL-13", warning=_CODES, error=_CII_SINGLE),
}

# An empty element is no fault: the schema of CII demands one where nothing was delivered.
_FACTUR_X_LEVELS: dict[Syntax, Levels] = {"cii": _levels(information="PEPPOL-EN16931-R008")}

_EN16931 = "urn:cen.eu:en16931:2017"
_XR = f"{_EN16931}#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"

_MINIMUM = Profile("Factur-X MINIMUM", cii=("factur-x-minimum",), levels=_FACTUR_X_LEVELS)
_BASIC_WL = Profile("Factur-X BASIC WL", cii=("factur-x-basic-wl",), levels=_FACTUR_X_LEVELS)
_BASIC = Profile("Factur-X BASIC", cii=("en16931", "factur-x-basic"), levels=_FACTUR_X_LEVELS)
_EXTENDED = Profile("Factur-X EXTENDED", cii=("factur-x-extended",), levels=_FACTUR_X_LEVELS)

PROFILES: dict[str, Profile] = {
    _EN16931: Profile("EN 16931", ubl=_CORE, cii=("en16931", "factur-x-en16931"), levels=_FACTUR_X_LEVELS),
    _XR: Profile("XRechnung 3.0", _XRECHNUNG, _XRECHNUNG, _STANDARD_LEVELS),
    f"{_XR}#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0": Profile(
        "XRechnung 3.0 Extension", _XRECHNUNG, _XRECHNUNG, _EXTENSION_LEVELS
    ),
    "urn:factur-x.eu:1p0:minimum": _MINIMUM,
    "urn:zugferd.de:2p0:minimum": _MINIMUM,
    "urn:factur-x.eu:1p0:basicwl": _BASIC_WL,
    "urn:zugferd.de:2p0:basicwl": _BASIC_WL,
    f"{_EN16931}#compliant#urn:factur-x.eu:1p0:basic": _BASIC,
    f"{_EN16931}#compliant#urn:zugferd.de:2p0:basic": _BASIC,
    f"{_EN16931}#conformant#urn:factur-x.eu:1p0:extended": _EXTENDED,
    f"{_EN16931}#conformant#urn:zugferd.de:2p0:extended": _EXTENDED,
    f"{_EN16931}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr": Profile(
        "Extended CTC FR", ubl=("fr-ctc-extended", "fr-ctc"), cii=("fr-ctc-extended", "fr-ctc")
    ),
}
"""Profiles whose rules are here, by their whole identifier."""

_CVD = Profile("XRechnung 3.0 CVD", _XRECHNUNG, _XRECHNUNG, _CVD_LEVELS)


def _without_own(name: str) -> Profile:
    """A profile on top of the core rules whose own rules are in no package."""
    return Profile(name, _CORE, _CORE, missing=name)


_FAMILIES: tuple[tuple[str, Profile], ...] = (
    (f"{_XR}#compliant#urn:xeinkauf.de:kosit:xrechnung:cvd_", _CVD),
    (f"{_EN16931}#compliant#urn:xoev-de:kosit:standard:xrechnung_", _without_own("an older XRechnung")),
    (f"{_EN16931}#compliant#urn:xeinkauf.de:kosit:xrechnung_", _without_own("another version of XRechnung")),
    (
        f"{_EN16931}#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
        _without_own("Peppol BIS Billing 3.0"),
    ),
    (
        f"{_EN16931}#compliant#urn:fdc:peppol.eu:2017:poacc:selfbilling:3.0",
        _without_own("Peppol BIS Self-Billing 3.0"),
    ),
    (
        f"{_EN16931}#conformant#urn:fdc:peppol.eu:2017:poacc:billing:international:",
        _without_own("Peppol BIS Billing of another region"),
    ),
    (f"{_EN16931}#compliant#urn:fdc:nen.nl:", _without_own("NLCIUS")),
    (f"{_EN16931}#compliant#urn:efactura.mfinante.ro:CIUS-RO:", _without_own("CIUS-RO")),
    (f"{_EN16931}#compliant#urn:feap.gov.pt:CIUS-PT:", _without_own("CIUS-PT")),
    (f"{_EN16931}#compliant#urn:fatturapa.gov.it:CIUS-IT:", _without_own("CIUS-IT")),
    (f"{_EN16931}#compliant#urn:mfin.gov.hr:", _without_own("the Croatian CIUS")),
    # PINT has rules in place of those of EN 16931, which would find fault with right invoices.
    ("urn:peppol:pint:", Profile("Peppol PINT", missing="Peppol PINT")),
)
"""Profiles of which there are many versions, by how their identifiers begin."""


def profile_of(identifier: str | None) -> Profile | None:
    """The profile that a document claims (BT-24); None where it claims none, or one that is not known."""
    claimed = (identifier or "").strip()
    if claimed in PROFILES:
        return PROFILES[claimed]
    return next((profile for begin, profile in _FAMILIES if claimed.startswith(begin)), None)


def rules_for(profile: Profile | None, syntax: Syntax) -> tuple[RuleSet, ...]:
    """What judges a document: the core rules where its profile is not known, or not made for its syntax."""
    if profile is None:
        return _CORE
    return profile.rules(syntax) or (() if profile.missing else _CORE)
