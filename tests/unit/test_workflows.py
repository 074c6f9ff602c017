"""What runs for this repository at GitHub: only code that somebody looked at, named by its content."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WORKFLOWS = sorted((Path(__file__).resolve().parents[2] / ".github" / "workflows").glob("*.y*ml"))
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=[path.name for path in WORKFLOWS])
def test_actions_are_pinned_by_commit_with_their_version_beside(workflow: Path) -> None:
    """A tag can be moved to other code at any time, a commit cannot."""
    used = re.findall(r"^\s*-?\s*uses:\s*(.+?)\s*$", workflow.read_text("utf-8"), re.MULTILINE)
    assert used, "the reader must see the actions"
    assert [one for one in used if not _PINNED.fullmatch(one)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=[path.name for path in WORKFLOWS])
def test_jobs_may_read_and_nothing_more(workflow: Path) -> None:
    """And no later step finds a token that the checkout left behind."""
    text = workflow.read_text("utf-8")
    assert re.search(r"^permissions:\n  contents: read\n(?!  )", text, re.MULTILINE)
    assert text.count("persist-credentials: false") == text.count("actions/checkout@")


def test_there_are_workflows() -> None:
    """Without one, nothing above looks at anything."""
    assert WORKFLOWS
