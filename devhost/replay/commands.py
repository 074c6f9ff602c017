"""The commands ``export`` and ``replay``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from devhost.errors import DevhostError
from devhost.replay.checker import Checker
from devhost.replay.export import export_instance, to_text
from devhost.replay.recording import UnusableHistory
from devhost.replay.result import ReplayResult

__all__ = ["add_commands"]

AGREES, DEPARTS, UNUSABLE = 0, 1, 2


def add_commands(commands: Any) -> None:
    """Add the commands to the subparsers of the command line; ``run`` of the options carries one out."""
    export = commands.add_parser(
        "export",
        help="write the stored history of an instance as JSON",
        description="Write the full stored history of an instance as JSON. The host may be running.",
    )
    export.add_argument("instance_id", metavar="INSTANCE_ID")
    export.add_argument("--state", metavar="FILE", help="state file (default: .devhost/state.db)")
    export.add_argument("--out", metavar="FILE", help="where to write it (default: standard output)")
    export.set_defaults(run=_export)
    replay = commands.add_parser(
        "replay",
        help="check recorded histories against today's code",
        description="Replay recorded histories against today's code. Exit code 0: they agree, 1: one "
        "departs, 2: unusable input.",
    )
    replay.add_argument("history", metavar="HISTORY.json", help="a history, or a folder of them")
    replay.add_argument("--app", metavar="DIR", default=".", help="folder of function_app.py (default: here)")
    replay.add_argument(
        "--version",
        metavar="VERSION",
        default="",
        help="of the instances, for histories of the management API: these do not tell it",
    )
    replay.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    replay.add_argument("--ignore-output", action="store_true", help="allow another output at the end")
    replay.set_defaults(run=_replay)


def _export(options: argparse.Namespace) -> int:
    state = Path(options.state) if options.state else Path(".devhost") / "state.db"
    try:
        text = to_text(export_instance(state, options.instance_id))
        if options.out:
            Path(options.out).write_text(text, encoding="utf-8")
        else:
            sys.stdout.write(text)
    except DevhostError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{options.out} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


def _replay(options: argparse.Namespace) -> int:
    target = Path(options.history).resolve()
    try:
        files = _files(target)
        # What the user's code prints is not part of the answer.
        with contextlib.redirect_stdout(sys.stderr):
            checker = Checker(options.app, ignore_output=options.ignore_output, version=options.version)
            outcomes = [_outcome(checker, file) for file in files]
    except DevhostError as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    if options.json:
        _print_json(files, outcomes)
    else:
        _print(outcomes, several=target.is_dir())
    return _code(outcomes)


def _files(target: Path) -> list[Path]:
    if not target.exists():
        raise UnusableHistory(f"There is no {target}. Name a history or a folder of them.")
    if not target.is_dir():
        return [target]
    found = sorted(target.rglob("*.json"))
    if not found:
        raise UnusableHistory(f"There is no *.json in {target}.")
    return found


def _outcome(checker: Checker, file: Path) -> ReplayResult | UnusableHistory:
    try:
        return checker.check(os.path.relpath(file) if file.is_relative_to(Path.cwd()) else file)
    except UnusableHistory as error:
        return error


def _print(outcomes: list[ReplayResult | UnusableHistory], *, several: bool) -> None:
    for one in outcomes:
        if several and isinstance(one, ReplayResult) and one.agrees:
            print(one.headline)
        else:
            print(one)
    if several:
        agree = sum(isinstance(one, ReplayResult) and one.agrees for one in outcomes)
        unusable = sum(isinstance(one, UnusableHistory) for one in outcomes)
        print(f"{agree} agree, {len(outcomes) - agree - unusable} depart, {unusable} unusable")


def _print_json(files: list[Path], outcomes: list[ReplayResult | UnusableHistory]) -> None:
    results = [
        one.as_dict() if isinstance(one, ReplayResult) else {"history": str(file), "unusable": str(one)}
        for file, one in zip(files, outcomes, strict=True)
    ]
    print(json.dumps({"results": results, "exitCode": _code(outcomes)}, indent=2))


def _code(outcomes: list[ReplayResult | UnusableHistory]) -> int:
    if any(isinstance(one, ReplayResult) and not one.agrees for one in outcomes):
        return DEPARTS
    return UNUSABLE if any(isinstance(one, UnusableHistory) for one in outcomes) else AGREES
