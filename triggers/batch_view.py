"""What the API says of a batch, as pure functions of what is known of it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from stores.intake_records import BatchRecord, told

#: Statuses in which a batch changes no more.
ENDED = ("completed", "stopped", "failed")

_REPORTS = ("html", "json", "csv", "xlsx")


def view(
    record: BatchRecord, status: Any, base: str, progress: dict[str, int] | None, key: str | None = None
) -> dict[str, Any]:
    """The body of a batch's status.

    `record` is what was stored at the start, `status` the durable client's (falsy: no instance),
    `progress` counts of documents while it runs, `base` our own URL of the collection, `key` the function
    key of the query to carry over into the links.
    """
    state, output = state_of(status), loaded(getattr(status, "output", None))
    custom = loaded(getattr(status, "custom_status", None))
    output, custom = (one if isinstance(one, dict) else {} for one in (output, custom))
    counts = _numbers(output.get("counts") or custom.get("counts"))
    if progress and sum(progress.values()) > sum(counts.values()):
        counts = progress
    return {
        "id": record.batch,
        "status": state,
        "phase": custom.get("phase", "waiting") if state == "running" else state,
        "done": sum(counts.values()),
        "total": output.get("total", custom.get("total", 0)),
        "counts": counts,
        "created": told(record.created),
        "source": record.source.name,
        "approvals": output.get("approvals"),
        "error": _error(state, status, output),
        "links": links(base, record.batch, state, key),
    }


def _numbers(counts: Any) -> dict[str, int]:
    """Counts out of a status, of which only whole numbers are kept."""
    named = counts.items() if isinstance(counts, dict) else ()
    return {name: number for name, number in named if isinstance(number, int)}


def is_checking(status: Any) -> bool:
    """Say whether documents are being checked: before it there is nothing to count, afterwards no need."""
    custom = loaded(getattr(status, "custom_status", None))
    is_said = isinstance(custom, dict) and custom.get("phase") == "checking"
    return is_said and state_of(status) == "running"


def state_of(status: Any) -> str:
    """`running`, `completed`, `stopped` or `failed`; `missing` where the instance was never started."""
    if not status:
        return "missing"
    runtime = status.runtime_status
    if runtime == Runtime.Completed:
        output = loaded(status.output)
        return output.get("status", "completed") if isinstance(output, dict) else "completed"
    if runtime == Runtime.Failed:
        return "failed"
    return "stopped" if runtime in (Runtime.Terminated, Runtime.Canceled) else "running"


def links(base: str, batch: str, state: str, key: str | None = None) -> dict[str, str]:
    """Where to go from here; our own URLs, never those of the host's management API."""
    own = f"{base}/{batch}"
    suffix = f"code={quote(key)}" if key else ""
    result = {"self": own + (f"?{suffix}" if suffix else "")}
    if state == "completed":
        more = f"&{suffix}" if suffix else ""
        result |= {f"report_{kind}": f"{own}/report?format={kind}{more}" for kind in _REPORTS}
        result["documents"] = f"{own}/documents/{{n}}" + (f"?{suffix}" if suffix else "")
    return result


def _error(state: str, status: Any, output: dict[str, Any]) -> dict[str, str] | None:
    if state != "failed":
        return None
    if "error" in output:
        return output["error"]
    first = str(getattr(status, "output", "") or "").split("\n", 1)[0][:500]
    return {"code": "orchestration_failed", "message": first or "The batch failed; the log has the details."}


def loaded(value: Any) -> Any:
    """The SDK gives outputs and custom statuses as JSON text or as values, depending on what they are."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
