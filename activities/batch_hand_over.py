"""Hand a batch over to approval: start it apart from the batch, and tell it which documents need a person."""

from __future__ import annotations

import azure.durable_functions as df

from activities.routed import routes_of
from adapters import services

bp = df.Blueprint()


@bp.activity_trigger(input_name="job")
def start_approvals(job: dict) -> dict:
    """Have the approvals of a batch started apart from it. Input: the one of `batch_approvals`.

    Output: `{"started": instance id}`. Repeating it finds the one that was started.
    """
    instance = f"{job['batch']}-approvals"
    services.current().start_detached("batch_approvals", instance, job)
    return {"started": instance}


@bp.activity_trigger(input_name="job")
def list_approvals(job: dict) -> list:
    """The documents `first` to `last` (from 0) of those that need a person: `[[n, approval], …]`.

    Input: `{"batch", "first", "last"}`.
    """
    routes = sorted(routes_of(services.current().blobs, job["batch"]).items())
    needed = [[n, one["approval"]] for n, one in routes if one["outcome"] == "ok" and one["approval"]]
    return needed[job["first"] : job["last"] + 1]
