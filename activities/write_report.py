"""Report: the batch's final rows and their totals, in some formats."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.batch_steps import WRITE_REPORT, ReportJob, ReportWritten
from usecases import report_batch

bp = df.Blueprint()


@activity(bp, WRITE_REPORT)
def write_report(job: ReportJob) -> ReportWritten:
    """Write the batch's report in some formats."""
    return report_batch.write_report(services.current(), job)
