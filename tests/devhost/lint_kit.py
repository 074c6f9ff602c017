"""Modules to lint, made of a few lines."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from devhost.lint import lint

ROOT = Path(__file__).resolve().parents[2]
HEAD = """
import azure.durable_functions as df
bp = df.Blueprint()
"""


def lint_text(folder: Path, text: str, **others: str) -> list[str]:
    """Lint a module and the helpers beside it; returns rule:line, lines counted from the text's first."""
    (folder / "host.json").write_text("{}")
    for name, other in others.items():
        (folder / f"{name}.py").write_text(dedent(other))
    (folder / "flow.py").write_text(HEAD + dedent(text).lstrip("\n"))
    return [f"{one.rule_id}:{one.line - HEAD.count(chr(10))}" for one in lint([folder])]


def orchestrator(body: str, top: str = "") -> str:
    """Return a module with one orchestrator of this body, whose first line is 1 plus that of ``top``."""
    lines = "\n".join(f"    {line}" for line in dedent(body).strip("\n").splitlines())
    above = f"{dedent(top).strip()}\n" if top else ""
    return (
        f"{above}@bp.orchestration_trigger(context_name='context')\ndef flow(context):\n{lines}\n    yield\n"
    )
