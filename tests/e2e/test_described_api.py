"""Requests of all kinds, made out of the description of the API: each answer is one that it describes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.e2e import calls

# Tests with a host end within a minute or so; this one takes some seconds.
_PATIENCE = 120
_EXAMPLES = 8


def test_no_made_up_request_is_answered_with_a_failure_or_an_undocumented_status(
    base_url: str, tmp_path: Path
) -> None:
    """Right and wrong values in every query, header, path and body: no 5xx, and no status without a word."""
    key = calls.key_of(base_url)
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{base_url}/api/openapi.json"),
        *("--url", base_url, "--max-examples", str(_EXAMPLES), "--no-color", "--generation-deterministic"),
        *("--checks", "not_a_server_error,status_code_conformance"),
        *(("--header", f"x-functions-key: {key}") if key else ()),
    ]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=_PATIENCE)
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    assert "Test cases:" in ended.stdout, "nothing was sent"
