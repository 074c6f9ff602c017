"""The same work done naively: an activity and a blob per document, one orchestrator, rows through the
history.

It is the yardstick of `benchmarks/batch.py`, and what not to copy.
"""

import io
import json
import threading
import zipfile

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from invoicing.assess import row
from invoicing.report import WRITERS, Totals

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
_one_at_a_time = threading.Lock()


@app.route(route="naive/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Store the zip and start the orchestration."""
    batch = req.route_params["id"]
    services.current().blobs.write(f"{batch}/upload.zip", req.get_body())
    await client.start_new("naive_batch", batch, batch)
    return func.HttpResponse(status_code=202)


@app.route(route="naive/{id}", methods=["GET"])
@app.durable_client_input(client_name="client")
async def status(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """202 while it runs, 200 with the number of rows at the end."""
    found = await client.get_status(req.route_params["id"])
    if found.output is None:
        return func.HttpResponse(status_code=202)
    return func.HttpResponse(json.dumps(found.output), mimetype="application/json")


@app.orchestration_trigger(context_name="context")
def naive_batch(context: df.DurableOrchestrationContext):
    """Split, one activity per document, report."""
    batch = context.get_input()
    count = yield context.call_activity("naive_split", batch)
    jobs = [{"batch": batch, "n": n} for n in range(1, count + 1)]
    rows = yield context.task_all([context.call_activity("naive_check", job) for job in jobs])
    return (yield context.call_activity("naive_report", {"batch": batch, "rows": rows}))


@app.activity_trigger(input_name="batch")
def naive_split(batch: str) -> int:
    """Write a blob per document; returns their number."""
    blobs = services.current().blobs
    with zipfile.ZipFile(io.BytesIO(blobs.read(f"{batch}/upload.zip"))) as archive:
        for n, name in enumerate(archive.namelist(), start=1):
            blobs.write(f"{batch}/documents/{n}", archive.read(name))
        return len(archive.namelist())


@app.activity_trigger(input_name="job")
def naive_check(job: dict) -> dict:
    """Check one document; its row is the result, and a blob."""
    here = services.current()
    content = here.blobs.read(f"{job['batch']}/documents/{job['n']}")
    with _one_at_a_time:
        result = row(job["n"], f"{job['n']}.xml", content, here.checker.assess(f"{job['n']}.xml", content))
    here.blobs.write(f"{job['batch']}/results/{job['n']}.json", json.dumps(result).encode())
    return result


@app.activity_trigger(input_name="job")
def naive_report(job: dict) -> int:
    """Write the report in all formats out of the rows that came through the history."""
    totals = Totals()
    for one in job["rows"]:
        totals.add(one)
    head = {"batch": job["batch"], "created": "", "finished": "", "source": "naive"}
    for kind, (_, write) in WRITERS.items():
        out = io.BytesIO()
        write(head, totals.as_dict(), iter(job["rows"]), out)
        services.current().blobs.write(f"{job['batch']}/report.{kind}", out.getvalue())
    return len(job["rows"])
