"""The command ``lint``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from devhost.lint.check import UnusablePath, lint
from devhost.lint.rules import RULES, Severity

__all__ = ["add_commands"]


def add_commands(commands: Any) -> None:
    """Add the command to the subparsers of the command line; ``run`` of the options carries it out."""
    parser = commands.add_parser(
        "lint",
        help="find what breaks replay in orchestrators",
        description="Find calls in orchestrators that break replay. Exit code 0: no errors (hints do not "
        "count), 1: errors, 2: unusable input.",
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files and folders (default: this folder without its tests)"
    )
    parser.add_argument("--list-rules", action="store_true", help="print the rules and stop")
    parser.set_defaults(run=_lint)


def _lint(options: argparse.Namespace) -> int:
    if options.list_rules:
        for rule in RULES.values():
            print(f"{rule.id}  {rule.severity.value:5}  {rule.summary}")
        return 0
    try:
        findings = lint([Path(one) for one in options.paths] or None)
    except UnusablePath as error:
        print(error, file=sys.stderr)
        return 2
    for one in findings:
        print(one)
    errors = sum(one.rule.severity is Severity.ERROR for one in findings)
    hints = len(findings) - errors
    print(f"{errors} error{'s' * (errors != 1)}, {hints} hint{'s' * (hints != 1)}")
    return 1 if errors else 0
