"""The versions of the app's workflows, for tests: which one new instances get on a host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_HOST_JSON = Path(__file__).resolve().parents[1] / "host.json"


def _durable() -> dict[str, Any]:
    return json.loads(_HOST_JSON.read_text("utf-8"))["extensions"]["durableTask"]


#: The version that new instances get; a test's host takes it as `default_version`.
CURRENT: str = _durable()["defaultVersion"]
