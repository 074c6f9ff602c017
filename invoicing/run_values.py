"""Values that runs keep in the task hub: outputs, custom statuses, inputs.

They are JSON of the task hub, which an operator or another version of the app may have written otherwise:
whoever reads them takes what has the right kind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast


def loaded(value: Any) -> Any:
    """A value of a status: the SDK gives it as JSON text or as what it is; JSON texts in JSON stay texts."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def json_object(value: object) -> Mapping[str, Any]:
    """A value where it is a JSON object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
