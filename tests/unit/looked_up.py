"""What was looked up elsewhere for an approval, put into one that is stored: for tests of what shows it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from invoicing.records.rates import Comparison
from invoicing.records.supplier_checks import ServiceAnswer, SupplierChecked
from stores import approval_names, approvals
from stores.blobs import Blobs

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
COMPARISON = Comparison(
    currency="EUR",
    amount=Decimal("99.99"),
    rate=Decimal("1.0412"),
    day=date(2026, 5, 1),
    source="www.ecb.europa.eu",
)
SUPPLIER = SupplierChecked(
    answers=(
        ServiceAnswer(
            service="vies",
            title="VIES",
            said="yes",
            at=AT,
            until=AT + timedelta(days=30),
            name="<b>ACNE</b> GmbH",
            name_fits=False,
        ),
        ServiceAnswer(
            service="erp",
            title="ERP",
            said="away",
            at=AT,
            until=AT + timedelta(minutes=10),
            why="HTTP 503",
        ),
    ),
    unchecked=("Register",),
)


def put_lookups(blobs: Blobs, approval: str) -> None:
    """Put a comparison and the answers of services into the request of an approval."""
    changes = {"comparison": COMPARISON, "supplier": SUPPLIER}
    request = approvals.request_of(blobs, approval).model_copy(update=changes)
    blobs.write(approval_names.request(approval), request.as_json())
