"""UBL 2.1 Order (also Peppol's), as far as it is compared with invoices."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from invoicing import safe_xml
from invoicing.orders import BadOrder, checked, problems_of
from invoicing.readers.detect import UBL
from invoicing.readers.values import Element, Values, text_of
from invoicing.records.order import MAX_LINES, NewOrder
from invoicing.safe_xml import BadDocument

_NAMESPACES = {"cac": f"{UBL}CommonAggregateComponents-2", "cbc": f"{UBL}CommonBasicComponents-2"}
_ROOT = f"{{{UBL}Order-2}}Order"


def read(content: bytes) -> NewOrder:
    """Read an order. Raises BadOrder."""
    try:
        root = safe_xml.parse(content)
    except BadDocument as error:
        raise BadOrder([error.finding.text.rstrip(".")]) from error
    if root.tag != _ROOT:
        raise BadOrder([f"the XML is no UBL Order (its root is {safe_xml.local_name(root)[:60]})"])
    reader = _OrderReader(root)
    fields = reader.fields()
    if reader.values.findings:
        raise BadOrder([f"{found.place}: {found.text.rstrip('.')}" for found in reader.values.findings])
    try:
        order = NewOrder.model_validate(fields)
    except ValidationError as error:
        raise BadOrder(problems_of(error)) from error
    return checked(order)


class _OrderReader:
    """Walks one order; what is missing is left to the record to say."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self.values = Values(_NAMESPACES)

    def fields(self) -> dict[str, Any]:
        values, root = self.values, self.root
        lines = values.all(root, "cac:OrderLine/cac:LineItem")
        return {
            "number": values.text(root, "cbc:ID"),
            "supplier": self._party(values.one(root, "cac:SellerSupplierParty/cac:Party")),
            "buyer": self._name(values.one(root, "cac:BuyerCustomerParty/cac:Party")),
            "currency": self._currency(),
            "issued": values.date(root, "cbc:IssueDate"),
            # One line more than there may be is enough to say so.
            "lines": [self._line(line) for line in lines[: MAX_LINES + 1]],
        }

    def _currency(self) -> str | None:
        codes = ("cbc:DocumentCurrencyCode", "cbc:PricingCurrencyCode")
        return next((code for path in codes if (code := self.values.text(self.root, path))), None)

    def _party(self, party: Element | None) -> dict[str, str | None]:
        vat_ids = (
            self.values.text(scheme, "cbc:CompanyID")
            for scheme in self.values.all(party, "cac:PartyTaxScheme")
            if (self.values.text(scheme, "cac:TaxScheme/cbc:ID") or "").upper() == "VAT"
        )
        return {
            "name": self._name(party),
            "vat_id": next(vat_ids, None),
            "legal_id": self.values.text(party, "cac:PartyLegalEntity/cbc:CompanyID"),
        }

    def _name(self, party: Element | None) -> str | None:
        registered = self.values.text(party, "cac:PartyLegalEntity/cbc:RegistrationName")
        return registered or self.values.text(party, "cac:PartyName/cbc:Name")

    def _line(self, line: Element) -> dict[str, Any]:
        values = self.values
        quantity = values.one(line, "cbc:Quantity")
        item = values.one(line, "cac:Item")
        price = values.one(line, "cac:Price")
        base = values.number(price, "cbc:BaseQuantity")
        standard = values.identifier(item, "cac:StandardItemIdentification/cbc:ID")
        return {
            "id": values.text(line, "cbc:ID"),
            "quantity": text_of(quantity) if values.number_of(quantity) is not None else None,
            "unit": quantity.get("unitCode") if quantity is not None else None,
            "price": values.number(price, "cbc:PriceAmount"),
            **({"base_quantity": base} if base is not None else {}),
            "name": values.text(item, "cbc:Name"),
            "seller_item_id": values.text(item, "cac:SellersItemIdentification/cbc:ID"),
            "buyer_item_id": values.text(item, "cac:BuyersItemIdentification/cbc:ID"),
            "standard_item_id": standard.value if standard else None,
        }
