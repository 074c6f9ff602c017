"""Settings of invoices by mail: what can be used, and what is said of the rest."""

from __future__ import annotations

import pytest

from adapters.mailbox_settings import MailboxSettings, read_mailbox
from adapters.setting_values import SettingError

GOOD = {
    "SETTLE_MAILBOX_HOST": "imap.example.com",
    "SETTLE_MAILBOX_USER": "invoices@example.com",
    "SETTLE_MAILBOX_PASSWORD": "a secret",
    "SETTLE_MAILBOX_SENDERS": "ann@Supplier.example, @müller.example",
}


def read(**changes: str) -> MailboxSettings:
    """The settings with some changed; without the beginning of their names."""
    found = read_mailbox(GOOD | {f"SETTLE_MAILBOX_{name}": value for name, value in changes.items()})
    assert found
    return found


def test_without_a_host_there_is_no_mailbox() -> None:
    """Nothing else is needed, or read."""
    assert read_mailbox({}) is None
    assert read_mailbox({"SETTLE_MAILBOX_PORT": "x"}) is None


def test_defaults() -> None:
    """TLS, the inbox, folders below Settle, no answers."""
    found = read()
    assert (found.host, found.port, found.security, found.folder) == ("imap.example.com", 993, "tls", "INBOX")
    assert found.senders.listed == {"ann@supplier.example", "@xn--mller-kva.example"}
    assert found.senders.own == {"invoices@example.com"}
    assert (found.answers, found.largest) == (False, 40 * 1024 * 1024)
    assert found.folder_of("batch") == "Settle/Done"
    assert found.folder_of("failed") == found.folder_of("known") == "Settle/Failed"


def test_password_is_in_no_text() -> None:
    """A log may have the settings."""
    assert "a secret" not in repr(read())


def test_place_is_of_server_user_and_folder() -> None:
    """Another folder has other mails; another password has not."""
    assert read().place == read(PASSWORD="other").place
    assert len({read().place, read(FOLDER="x").place, read(USER="y").place, read(HOST="z").place}) == 4


def test_password_that_the_vault_did_not_give_is_none() -> None:
    """The app runs; the mailbox is not let in."""
    assert read(PASSWORD="@Microsoft.KeyVault(SecretUri=https://x)").password == ""


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("USER", "", "SETTLE_MAILBOX_USER is not set"),
        ("PASSWORD", "", "SETTLE_MAILBOX_PASSWORD is not set"),
        ("PASSWORD", "a\r\nb", "SETTLE_MAILBOX_PASSWORD is not set, or cannot"),
        ("SENDERS", "", "SETTLE_MAILBOX_SENDERS is not set"),
        ("SENDERS", "example.com", "A domain is written as @example.com"),
        ("SENDERS", "@", "SETTLE_MAILBOX_SENDERS"),
        ("SENDERS", "*, ann@example.com", "SETTLE_MAILBOX_SENDERS"),
        ("SENDERS", ",".join(f"@{n}.example" for n in range(501)), "more than 500"),
        ("SECURITY", "none", "in the clear"),
        ("SECURITY", "ssl", "tls or starttls"),
        ("PORT", "0", "SETTLE_MAILBOX_PORT"),
        ("PORT", "70000", "SETTLE_MAILBOX_PORT"),
        ("MAX_MIB", "91", "SETTLE_MAILBOX_MAX_MIB"),
        ("DONE", "a//b", "SETTLE_MAILBOX_DONE"),
        ("FAILED", "a*", "SETTLE_MAILBOX_FAILED"),
        ("FOLDER", "Settle/Done", "also one that mails are moved to"),
        ("ANSWER", "maybe", "SETTLE_MAILBOX_ANSWER"),
    ],
)
def test_what_cannot_be_used_is_said(name: str, value: str, said: str) -> None:
    """With the name of the setting, and without the password."""
    with pytest.raises(SettingError, match=said) as caught:
        read(**{name: value})
    assert "a secret" not in str(caught.value)


def test_nobody_is_answered_on_a_forged_word() -> None:
    """Whoever may be named by a stranger, gets an answer only where the server proves it."""
    with pytest.raises(SettingError, match="SETTLE_MAILBOX_AUTHSERV"):
        read(SENDERS="*", ANSWER="true")
    assert read(SENDERS="*", ANSWER="true", AUTHSERV="mx.example.com").answers
    assert read(ANSWER="true").answers


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_server_on_this_machine_may_be_without_tls(host: str) -> None:
    """For tests."""
    assert read(HOST=host, SECURITY="none").port == 143
