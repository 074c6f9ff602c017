"""Comments that allow a finding: ``# durable: allow DF003 because ...`` (and DF015, when they do not say
why).
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass, field

from devhost.lint.places import shown
from devhost.lint.project import Module
from devhost.lint.rules import RULES, Finding

__all__ = ["Allowed", "allowed_in"]

_COMMENT = re.compile(r"#\s*durable:\s*allow\b(?P<rest>.*)", re.IGNORECASE)
_RULE = re.compile(r"\s*,?\s*(DF\d+)\b", re.IGNORECASE)


@dataclass
class Allowed:
    """The suppressions of one file: rules by line, and findings on those that count for nothing."""

    lines: dict[int, set[str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def covers(self, finding: Finding) -> bool:
        """Tell whether a finding is allowed on one of its lines, or by a comment of its own right above."""
        lines = range(finding.line, max(finding.last_line, finding.line) + 1)
        return any(finding.rule_id in self.lines.get(line, ()) for line in lines)


def allowed_in(module: Module) -> Allowed:
    """Read the suppressions of a file."""
    allowed = Allowed()
    for token in _comments(module.source):
        match = _COMMENT.search(token.string)
        if match is None:
            continue
        line, column = token.start
        ids, reason = _parts(match["rest"])
        problem = _problem(ids, reason)
        if problem is not None:
            allowed.findings.append(Finding(shown(module.path), line, column + 1, "DF015", problem, line))
            continue
        # A comment that has a line of its own speaks of the next one.
        own_line = not token.line[:column].strip()
        allowed.lines.setdefault(line + own_line, set()).update(ids)
    return allowed


def _comments(source: str) -> Iterable[tokenize.TokenInfo]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [one for one in tokens if one.type == tokenize.COMMENT]


def _parts(rest: str) -> tuple[list[str], str]:
    ids: list[str] = []
    while match := _RULE.match(rest):
        ids.append(match[1].upper())
        rest = rest[match.end() :]
    return ids, rest.strip(" -:–")


def _problem(ids: list[str], reason: str) -> str | None:
    unknown = [one for one in ids if one not in RULES]
    if not ids:
        return "This allows nothing: it names no rule."
    if unknown:
        return f"There is no rule {unknown[0]}."
    return None if reason else f"This allows {', '.join(ids)} without a reason."
