"""Findings as people see them: equal ones once, the worst first, with plain words where they are needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from invoicing.findings import Finding, Severity
from invoicing.report.words import plain

_ORDER: dict[Severity, int] = {"fatal": 0, "warning": 1, "information": 2}


@dataclass(frozen=True)
class ShownFinding:
    """Equal findings of a document as a page shows them; `plain` None: the text is for people already."""

    rule: str
    severity: Severity
    text: str
    place: str | None
    times: int
    plain: str | None


def grouped(findings: Sequence[Finding]) -> list[ShownFinding]:
    """Findings, worst first, those that say the same as one with a count."""
    times = Counter((finding.rule, finding.text) for finding in findings)
    first = {(finding.rule, finding.text): finding for finding in reversed(findings)}
    ordered = sorted((first[key] for key in times), key=lambda finding: _ORDER[finding.severity])
    return [_shown(finding, times[finding.rule, finding.text]) for finding in ordered]


def _shown(finding: Finding, times: int) -> ShownFinding:
    # Our own findings are written for people; an official text needs a plain sentence before it.
    for_people = finding.rule.startswith("SETTLE-") and finding.source != "schema"
    return ShownFinding(
        rule=finding.rule,
        severity=finding.severity,
        text=finding.text,
        place=finding.place,
        times=times,
        plain=None if for_people else plain(finding.rule),
    )
