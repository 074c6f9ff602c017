"""Why a run did not come to a good end, in the words of its own or of the host."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from invoicing.records.problem import Problem
from usecases.run_status import RunStatus

_PROBLEM = TypeAdapter(Problem)


def problem_of(run: RunStatus, otherwise: str) -> Problem:
    """What the run says itself, else the first line of the host's text, else `otherwise`."""
    try:
        return _PROBLEM.validate_python(run.output.get("error"))
    except ValidationError:
        return Problem(code="orchestration_failed", message=run.failure or otherwise)
