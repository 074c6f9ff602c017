"""The app: which blueprints it is made of. Everything else is in the modules that they come from."""

import azure.durable_functions as df
import azure.functions as func

from activities import (
    approving,
    assess_invoice,
    batch_hand_over,
    booking,
    check_chunk,
    claim_invoice,
    claim_invoices,
    count_results,
    digest_steps,
    routing,
    send_notification,
    set_aside,
    unpack_batch,
    write_report,
)
from adapters.logs import quiet_libraries
from orchestrators import approval, batch, batch_approvals, chunk, digest, invoice, notification
from triggers import (
    approvals,
    batches,
    health,
    invoices,
    openapi,
    pages_absences,
    pages_approval,
    pages_batches,
    pages_inbox,
    pages_outbox,
    pages_runs,
    pages_sign_in,
    starts,
    storage_at_start,
    supervising,
    timers,
)

quiet_libraries()

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

for module in (
    # orchestrators
    batch,
    chunk,
    invoice,
    approval,
    batch_approvals,
    notification,
    digest,
    # activities
    unpack_batch,
    check_chunk,
    set_aside,
    count_results,
    claim_invoices,
    write_report,
    assess_invoice,
    claim_invoice,
    routing,
    batch_hand_over,
    approving,
    booking,
    digest_steps,
    send_notification,
    # triggers
    batches,
    invoices,
    approvals,
    starts,
    storage_at_start,
    timers,
    supervising,
    health,
    openapi,
    # pages
    pages_inbox,
    pages_approval,
    pages_absences,
    pages_batches,
    pages_runs,
    pages_outbox,
    pages_sign_in,
):
    app.register_functions(module.bp)
