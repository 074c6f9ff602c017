"""Versions of workflows: what is done in instances from which version on.

`defaultVersion` in host.json is what new instances get, and each keeps its version to its end. So a change
that a replay would notice stands behind `since`, and older instances go on the old way. Each constant here
is one such change. It is taken out, with the old way, once no older instance is left: see
docs/changing-a-workflow.md.
"""

from __future__ import annotations

import azure.durable_functions as df

#: An approval that was woken for nothing again and again rests before it looks again.
RESTS = "1.1"
#: An invoice can wait for its goods before the rules of the policy are applied.
GOODS = "1.2"
#: A step of routing may wait for answers about a new supplier, and is called again then.
CHECKS_SUPPLIERS = "1.2"
#: A long wait for signals ends, and its workflow continues as new.
BOUNDED_WAITS = "1.3"
#: A step that was well for an hour has its failures before that forgotten.
FORGETS_FAILURES = "1.3"


def since(version: str, context: df.DurableOrchestrationContext) -> bool:
    """Whether this instance was started in a version or a later one; one without a version is the oldest."""
    return _numbers(context.version or "") >= _numbers(version)


def _numbers(version: str) -> tuple[int, ...]:
    """`1.10` comes after `1.9`."""
    return tuple(int(part) for part in version.split(".") if part)
