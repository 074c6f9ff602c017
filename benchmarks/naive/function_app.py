"""The same work done naively: an activity per document with blobs of its own (document, claim, result), one
orchestrator, rows through the history.

It is the yardstick of `benchmarks/batch.py`, and what not to copy: written as a first version often is,
with each activity making the client that it needs.
"""

import io
import json
import zipfile
from datetime import UTC, date, datetime

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContainerClient

from adapters import services
from invoicing.batching import Document
from invoicing.outcomes import RowLine, duplicate_row
from invoicing.records.document import DocumentRow
from invoicing.records.report import ReportHead
from invoicing.report import WRITERS, Totals

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def _container() -> ContainerClient:
    settings = services.current().settings
    service = BlobServiceClient.from_connection_string(settings.storage_connection)
    return service.get_container_client(settings.container)


@app.route(route="naive/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Store the zip and start the orchestration."""
    batch = req.route_params["id"]
    container = _container()
    if not container.exists():
        container.create_container()
    container.upload_blob(f"{batch}/upload.zip", req.get_body())
    await client.start_new("naive_batch", batch, batch)
    return func.HttpResponse(status_code=202)


@app.route(route="naive/{id}", methods=["GET"])
@app.durable_client_input(client_name="client")
async def status(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """202 while it runs, 200 with the counts at the end."""
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
    container = _container()
    with zipfile.ZipFile(io.BytesIO(container.download_blob(f"{batch}/upload.zip").readall())) as archive:
        for n, name in enumerate(archive.namelist(), start=1):
            container.upload_blob(f"{batch}/documents/{n}", archive.read(name), overwrite=True)
        return len(archive.namelist())


@app.activity_trigger(input_name="job")
def naive_check(job: dict) -> dict:
    """Check one document, and claim its number; its row is the result, and a blob."""
    container, name = _container(), f"{job['n']}.xml"
    content = container.download_blob(f"{job['batch']}/documents/{job['n']}").readall()
    [line] = services.current().checker.check([Document(job["n"], name, content)], date.today())
    if not isinstance(line, RowLine):
        raise RuntimeError(line.reason)
    result = DocumentRow.model_validate_json(line.text)
    if result.outcome == "valid" and result.claim:
        result = _claimed(container, result, f"{job['batch']}/{job['n']}")
    container.upload_blob(f"{job['batch']}/results/{job['n']}.json", result.as_json(), overwrite=True)
    return result.as_plain()


def _claimed(container: ContainerClient, found: DocumentRow, owner: str) -> DocumentRow:
    """Whoever writes the claim's blob first has the number."""
    claim = f"claims/{found.claim}"
    try:
        container.upload_blob(claim, owner)
        return found
    except ResourceExistsError:
        holder = container.download_blob(claim).readall().decode()
        return found if holder == owner else duplicate_row(found, owner.partition("/")[0], holder)


@app.activity_trigger(input_name="job")
def naive_report(job: dict) -> dict:
    """Write the report in all formats out of the rows that came through the history; returns the counts."""
    rows = [DocumentRow.model_validate(row) for row in job["rows"]]
    totals = Totals()
    for row in rows:
        totals.add(row)
    now = datetime.now(UTC)
    head = ReportHead(batch=job["batch"], created=now, finished=now, source="naive")
    for kind, (_, write) in WRITERS.items():
        out = io.BytesIO()
        write(head, totals.result(), rows, out)
        _container().upload_blob(f"{job['batch']}/report.{kind}", out.getvalue(), overwrite=True)
    return dict(totals.outcomes)
