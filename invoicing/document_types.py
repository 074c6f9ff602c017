"""Which document type codes (BT-3, UNTDID 1001) ask for money back instead of asking for money."""

CREDIT_NOTE_TYPES = frozenset(
    {
        "81",  # credit note related to goods or services
        "83",  # credit note related to financial adjustments
        "261",  # self-billed credit note
        "262",  # consolidated credit note, goods and services
        "296",  # corrected self-billed credit note
        "308",  # delcredere credit note
        "381",  # credit note
        "396",  # factored credit note
        "420",  # optical character reading payment credit note
        "458",  # reversal of debit
        "502",  # self-billed factored credit note
        "503",  # self-billed credit note, prepaid
        "532",  # forwarder's credit note
    }
)


def is_credit_note(type_code: str | None) -> bool:
    """Tell whether the amounts of a document with this BT-3 code are owed to the buyer, not by the buyer."""
    return (type_code or "").strip() in CREDIT_NOTE_TYPES
