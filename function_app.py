"""The app: which blueprints it is made of. Everything else is in the modules that they come from."""

import azure.durable_functions as df
import azure.functions as func

from activities import check_chunk, claim_invoices, results, set_aside, unpack_batch, write_report
from orchestrators import batch, chunk
from triggers import batches, health

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

for module in (
    # orchestrators
    batch,
    chunk,
    # activities
    unpack_batch,
    check_chunk,
    set_aside,
    results,
    claim_invoices,
    write_report,
    # triggers
    batches,
    health,
):
    app.register_functions(module.bp)
