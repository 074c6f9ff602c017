"""Settings of ledgers: keys that are none are not taken for keys, and no text of an error has one in it."""

from __future__ import annotations

import pytest

from adapters.access_settings import read_access
from adapters.ledger_settings import LedgerSettings, read_ledger
from adapters.setting_values import SettingError
from adapters.settings import from_environment
from invoicing.approval.signing import LedgerKeys, Signature, key_id

NEW, OLD = "n" * 32, "o" * 40


def test_settings_are_read() -> None:
    """The newest key first; addresses with commas between, each once."""
    environment = {
        "SETTLE_LEDGER_KEY": f" {NEW}  {OLD} ",
        "SETTLE_ANCHOR_MAIL": "a@example.com, b@example.com,,a@example.com",
        "SETTLE_ANCHOR_CONTAINER": "anchors-kept",
    }
    expected = LedgerSettings((NEW, OLD), ("a@example.com", "b@example.com"), "anchors-kept")
    assert read_ledger(environment) == expected
    assert read_ledger({}) == LedgerSettings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SETTLE_LEDGER_KEY", "s3cret"),
        ("SETTLE_LEDGER_KEY", f"{NEW} s3cret"),
        ("SETTLE_ANCHOR_MAIL", "somebody"),
        ("SETTLE_ANCHOR_MAIL", "a@example.com b@example.com"),
        ("SETTLE_ANCHOR_MAIL", "@example.com"),
        ("SETTLE_ANCHOR_CONTAINER", "Anchors"),
        ("SETTLE_ANCHOR_CONTAINER", "a--b"),
        ("SETTLE_ANCHOR_CONTAINER", "settle"),
    ],
)
def test_setting_that_cannot_be_used_is_told(name: str, value: str) -> None:
    """By its name, with what to set, and without the key."""
    with pytest.raises(SettingError) as caught:
        from_environment({"AzureWebJobsStorage": "x", name: value})
    assert name in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "reference",
    [
        "@Microsoft.KeyVault(SecretUri=https://vault.example.net/secrets/settle-ledger)",
        "@Microsoft.KeyVault(VaultName=vault-of-settle-in-production;SecretName=settle-ledger-key-0123456789)",
        "@Microsoft.KeyVault(VaultName=vault-of-settle-in-production; SecretName=settle-ledger)",
    ],
)
def test_reference_to_a_key_vault_that_was_not_resolved_is_no_key(reference: str) -> None:
    """Everybody may know it who may read the configuration."""
    assert read_ledger({"SETTLE_LEDGER_KEY": reference}).keys == ()
    assert read_access({"SETTLE_LINK_KEY": reference}).link_keys == ()


def test_keys_are_not_shown() -> None:
    """In logs of settings or of keys."""
    settings = from_environment({"AzureWebJobsStorage": "x", "SETTLE_LEDGER_KEY": NEW})
    assert NEW not in repr(settings)
    assert NEW not in repr(LedgerKeys((NEW,)))


def test_signature_counts_for_its_purpose_its_text_and_its_key() -> None:
    """And for nothing else."""
    keys = LedgerKeys((NEW, OLD))
    signed = keys.sign("entry", "text")
    assert signed.key == key_id(NEW)
    assert keys.fault("entry", "text", signed) is None
    assert LedgerKeys((OLD, NEW)).fault("entry", "text", signed) is None
    for fault in (
        keys.fault("anchor", "text", signed),
        keys.fault("entry", "other", signed),
        keys.fault("entry", "text", Signature(key_id(OLD), signed.value)),
        keys.fault("entry", "text", Signature(signed.key, "")),
        keys.fault("entry", "text", Signature(signed.key, "ü")),
        keys.fault("entry", "text", Signature(None, signed.value)),
    ):
        assert fault is not None
        assert fault.unknown_key is None
    unknown = LedgerKeys((OLD,)).fault("entry", "text", signed)
    assert unknown is not None
    assert unknown.unknown_key == key_id(NEW)


def test_nothing_is_signed_without_a_key() -> None:
    """It counts only where that was asked for; a value without the id of a key counts nowhere."""
    without = LedgerKeys(unsigned_counts=True)
    assert without.sign("entry", "text") == Signature()
    assert without.fault("entry", "text", Signature()) is None
    assert without.fault("entry", "text", Signature(None, "0" * 64)) is not None
    assert LedgerKeys((NEW,)).fault("entry", "text", Signature()) is not None
