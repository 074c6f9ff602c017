"""Find what breaks replay in orchestrators, before anything runs: ``python -m devhost lint``.

    from devhost.lint import lint
    assert lint([Path("orchestrators")]) == []

Sources are read, never run. The rules are in `devhost.lint.rules`, told at length in docs/devhost-lint.md.
"""

from devhost.lint.check import UnusablePath, lint
from devhost.lint.rules import RULES, Finding, Rule, Severity

__all__ = ["RULES", "Finding", "Rule", "Severity", "UnusablePath", "lint"]
