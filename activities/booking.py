"""Book: an approved invoice becomes a payable, once, and never over another one."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.batch_approvals_steps import BOOK_PACK, PackJob, SettledCounts
from invoicing.records.invoice_steps import (
    BOOK_PAYABLE,
    WITHDRAW_PAYABLE,
    Booked,
    BookJob,
    Compensated,
    WithdrawJob,
)
from usecases import book_invoice as invoice_booking
from usecases import book_pack as pack_booking

bp = df.Blueprint()


@activity(bp, BOOK_PAYABLE)
def book_payable(job: BookJob) -> Booked:
    """Book one invoice, if it is approved. Raises SettingError where a key is missing: it is waited for."""
    return invoice_booking.book_invoice(services.current(), job.ref, job.approval, job.now)


@activity(bp, WITHDRAW_PAYABLE)
def withdraw_payable(job: WithdrawJob) -> Compensated:
    """Take back what `book_payable` may have written before it gave up."""
    done = invoice_booking.withdraw_payable(services.current(), job.ref, job.approval)
    return Compensated(done=done)


@activity(bp, BOOK_PACK)
def book_pack(job: PackJob) -> SettledCounts:
    """Book one pack of a batch's documents that nobody has to approve."""
    return pack_booking.book_pack(services.current(), job.batch, job.pack, job.now)
