"""The command line of ``dev.py``."""

import argparse
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from devtools import bench, checks, fuzz, ledger, run, setup, simulate
from devtools.console import Console
from devtools.errors import DevError
from devtools.project import Project

_DESCRIPTION = """\
The local commands of Settle. They need Python 3.11 or newer and Node.js 20 or newer. Everything else they
install into this folder by themselves (.venv, node_modules, .rules), and again only when a lock changed."""

_EXAMPLES = """\
examples:
  python3 dev.py run                      check the samples and stay up; Ctrl-C stops
  python3 dev.py run ~/invoices --once    check the invoices of a folder, print the summary, stop
  python3 dev.py check                    lint, types and unit tests, before each commit
  python3 dev.py test                     everything, as CI runs it
  python3 dev.py COMMAND --help           more about one command"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_run(commands)
    _add_test(commands)
    _add(commands, "check", "the quick checks: lint, format, types, unit tests", _CHECK)
    _add_bench(commands)
    _add_fuzz(commands)
    _add_simulate(commands)
    _add_verify_ledger(commands)
    _add(commands, "setup", "make or bring up to date what the other commands need", _SETUP)
    clean = _add(commands, "clean", "delete what runs left behind", _CLEAN)
    clean.add_argument("--all", action="store_true", help="also delete .venv, node_modules and .rules")
    return parser


_RUN = """\
Starts Azurite (the local storage) and a Functions host, sends the documents of FOLDER as one batch, shows how
it goes, prints what came out and where the report is, and stays up until Ctrl-C. Documents and workflows are
kept between runs: a batch that was interrupted goes on at the next start."""
_TEST = """\
Runs lint, format, types and all tests, with an Azurite of their own. Arguments that are not listed here go to
pytest, for example: dev.py test -k duplicates -x"""
_CHECK = """\
Runs lint, format, types and the unit tests; takes seconds. Arguments that are not listed
here go to pytest."""
_BENCH = """\
Runs the benchmarks, each with an Azurite of its own. Arguments that are not listed here go to the
benchmark."""
_FUZZ = """\
Makes up inputs and hands them to the readers of XML, PDF and zip, to the checks and to the handlers of
requests: none may raise anything but what it is documented to, nor take more than its time and memory. Where
atheris can be had (Linux on x86-64), it makes inputs that reach new code; Hypothesis makes others everywhere.
What was found is kept in .state/fuzz/findings, each with the command that runs it again. Exit code 1 where
something was found."""
_VERIFY_LEDGER = """\
Reads every ledger from the storage and proves it: each entry holds the hash of the one before and is signed,
each decision is by somebody who was allowed to, what was booked is there as a payable, each payable was
booked, and nothing is gone that an anchor knew. It prints what it proved: account, container, number of
ledgers, first and last entry, keys, anchors. Exit code 1 where something was altered, removed or forged, with
the first bad entry; exit code 2 where there is no ledger or none can be read. docs/ledger.md says what is
proved against whom.

It proves the storage of the run that is up, else that of the last run (and starts Azurite for it)."""
_SIMULATE = """\
Plays a dock against a host that is up: a scale and scanners that say what goods have come. It takes the open
orders of the host. Where there are none it sends an order and its invoice of its own, and shows what signals
do that come early, in parts, out of order and twice. Then it shows what became of the invoice. The policy of
the host needs a section goods_receipt: docs/goods-receipt.md has one to copy."""
_SETUP = """\
Makes .venv with the Python that runs this command, installs the locked packages into it and npm's into
node_modules, and fetches the official rules into .rules. Does nothing where nothing changed."""
_CLEAN = """\
Deletes the documents, workflows and logs of earlier runs (.azurite, .devhost, .state)."""


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str, description: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _add(commands, "run", "check a folder of invoices on this machine and show the report", _RUN)
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="invoices, XML or PDF (default: the samples)"
    )
    parser.add_argument(
        "--once", action="store_true", help="stop when the batch is done; exit code 1 when it failed"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="begin with empty data, which is deleted at the end"
    )
    parser.add_argument(
        "--host",
        choices=("func", "embedded"),
        help="Core Tools or the embedded host (default: Core Tools where `func` is installed)",
    )
    parser.add_argument(
        "--auth", action="store_true", help="have the embedded host ask for keys, as Azure does"
    )
    parser.add_argument(
        "--port", type=_port, metavar="N", help="port of the host (default: 7071, or a free one)"
    )


def _add_test(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _add(commands, "test", "everything: lint, format, types, all tests", _TEST)
    parser.add_argument(
        "--host", metavar="URL", help="run only the end-to-end tests, against a host that is up already"
    )


def _add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _add(commands, "bench", "measure", _BENCH)
    parser.add_argument("name", nargs="?", metavar="NAME", help="a program of benchmarks/ (default: all)")


def _add_simulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _add(commands, "simulate", "play devices that send signals to a host", _SIMULATE)
    parser.add_argument("what", choices=("devices",), help="what is played")
    parser.add_argument(
        "--host", metavar="URL", default=simulate.DEFAULT_HOST, help=f"default: {simulate.DEFAULT_HOST}"
    )
    parser.add_argument("--key", metavar="KEY", help="the host's function key, where it asks for one")
    parser.add_argument("--sample", action="store_true", help="play the sample, also where orders are open")


def _add_verify_ledger(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    summary = "prove what people decided, or name the first bad entry"
    parser = _add(commands, "verify-ledger", summary, _VERIFY_LEDGER)
    parser.add_argument(
        "--storage",
        metavar="CONNECTION",
        help="connection string of another account; SETTLE_STORAGE in the environment does the same, and"
        " does not show its key in the list of processes",
    )
    parser.add_argument(
        "--container", metavar="NAME", help="another container (default: that of the run, or `settle`)"
    )
    parser.add_argument(
        "--allow-unsigned",
        action="store_true",
        help="take entries without a signature, as a host writes them that was started without a key",
    )
    parser.add_argument(
        "--anchor",
        action="append",
        default=[],
        type=_anchor,
        metavar="FILE|SHA256",
        help="prove against an anchor that was kept elsewhere, or its hash from a mail; may be repeated",
    )
    parser.add_argument(
        "--export-anchor",
        type=Path,
        metavar="FILE",
        help="where all is whole, write an anchor of it to a new file, to be kept elsewhere",
    )


def _anchor(text: str) -> str:
    if not Path(text).is_file() and not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a file nor a SHA-256 in hex")
    return text


def _verify_options(options: argparse.Namespace) -> ledger.VerifyOptions:
    return ledger.VerifyOptions(
        storage=options.storage,
        container=options.container,
        allow_unsigned=options.allow_unsigned,
        anchors=options.anchor,
        export_anchor=options.export_anchor,
    )


def _add_fuzz(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _add(commands, "fuzz", "look for inputs that do harm", _FUZZ)
    parser.add_argument(
        "--minutes", type=float, default=1.0, metavar="N", help="how long in all (default: 1)"
    )
    parser.add_argument(
        "--target", metavar="NAME", help="only one: xml, pdf, zip, bodies, queries, headers, assess"
    )
    parser.add_argument("--again", type=Path, metavar="FILE", help="run one input of --target once more")


def _fuzz_arguments(options: argparse.Namespace) -> list[str]:
    named = {"--minutes": options.minutes, "--target": options.target, "--again": options.again}
    return [part for name, value in named.items() if value is not None for part in (name, str(value))]


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else 0
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return port


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 good, 1 failed, 2 wrong usage, 130 Ctrl-C, 143 SIGTERM."""
    parser = build_parser()
    options, more = parser.parse_known_args(arguments)
    if more and options.command not in ("test", "check", "bench"):
        parser.error(f"unknown arguments: {' '.join(more)}")
    console = Console()
    if os.name != "posix":
        console.error(
            DevError("dev.py runs on Linux, macOS and WSL.", hint="use WSL, or Core Tools: func start")
        )
        return 2
    signal.signal(signal.SIGTERM, _exit_on_sigterm)
    # A shell starts programs in the background with SIGINT ignored; a SIGINT that is sent there is meant.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return dispatch(Project.here(), console, options, more)
    except DevError as error:
        console.error(error)
        return 1
    except KeyboardInterrupt:
        console.line()
        console.line("Stopped.")
        return 130


def dispatch(project: Project, console: Console, options: argparse.Namespace, more: Sequence[str]) -> int:
    """Call the command that was asked for."""
    match options.command:
        case "run":
            chosen = run.RunOptions(
                options.folder, options.once, options.fresh, options.host, options.port, options.auth
            )
            return run.run(project, console, chosen)
        case "test" if options.host:
            return checks.test_host(project, console, options.host, more)
        case "test":
            return checks.test(project, console, more)
        case "check":
            return checks.check(project, console, more)
        case "bench":
            return bench.bench(project, console, options.name, more)
        case "fuzz":
            return fuzz.fuzz(project, console, _fuzz_arguments(options))
        case "simulate":
            return simulate.devices(project, console, options.host, options.key, sample=options.sample)
        case "verify-ledger":
            return ledger.verify(project, console, _verify_options(options))
        case "clean":
            with run.only_run(project, console):
                setup.clean(project, console, everything=options.all)
        case _:
            setup.set_up(project, console, development=True)
            console.line("Everything is in place.")
    return 0


def _exit_on_sigterm(signum: int, frame: FrameType | None) -> None:
    """Leave through the `finally` blocks, which end the services."""
    sys.exit(128 + signum)
