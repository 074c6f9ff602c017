"""Settings of links, identity and channels: what is read, and what is refused without telling a secret."""

from __future__ import annotations

import pytest

from adapters.access_settings import read_access
from adapters.channel_settings import ChannelSettings, SmtpServer, read_channels
from adapters.setting_values import SettingError
from adapters.settings import from_environment

FROM = {"SETTLE_MAIL_FROM": "Settle <settle@example.com>"}


def _smtp(url: str) -> SmtpServer | None:
    return read_channels({"SETTLE_SMTP_URL": url} | FROM).smtp


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", SmtpServer("mail.example", 25, "none")),
        ("smtp://mail.example?starttls=1", SmtpServer("mail.example", 587, "starttls")),
        ("smtps://mail.example", SmtpServer("mail.example", 465, "tls")),
        ("smtps://u%40x:p%3Aw@mail.example:99", SmtpServer("mail.example", 99, "tls", "u@x", "p:w")),
        ("smtp://u:p@localhost:2525", SmtpServer("localhost", 2525, "none", "u", "p")),
    ],
)
def test_address_of_a_mail_server(url: str, expected: SmtpServer) -> None:
    """Scheme and query say how it is encrypted; user and password may hold any character, escaped."""
    assert _smtp(url) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SETTLE_SMTP_URL", "mail.example:25/s3cret"),
        ("SETTLE_SMTP_URL", "http://u:s3cret@mail.example"),
        ("SETTLE_SMTP_URL", "smtp://u:s3cret@mail.example:port"),
        ("SETTLE_SMTP_URL", "smtp://u:s3cret@mail.example"),
        ("SETTLE_TEAMS_WEBHOOK", "http://hooks.example/s3cret"),
        ("SETTLE_TEAMS_WEBHOOK", "hooks.example/s3cret"),
        ("SETTLE_LINK_KEY", "s3cret"),
        ("SETTLE_LINK_KEY", "s3cret " + "k" * 40),
    ],
)
def test_unusable_setting_is_named_and_its_value_is_not(name: str, value: str) -> None:
    """A password is never sent in the clear over a network, a short key never used."""
    with pytest.raises(SettingError) as caught:
        from_environment({"AzureWebJobsStorage": "x", name: value} | FROM)
    assert name in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_mail_needs_an_address_to_come_from() -> None:
    """Only where mail is used."""
    with pytest.raises(SettingError, match="SETTLE_MAIL_FROM"):
        read_channels({"SETTLE_SMTP_URL": "smtp://localhost"})
    assert read_channels({}) == ChannelSettings()


def test_outbox_is_used_where_there_is_no_channel() -> None:
    """And only there."""
    assert read_channels({}).names == ("outbox",)
    assert read_channels({"SETTLE_SMTP_URL": "smtp://localhost"} | FROM).names == ("mail",)
    both = {"SETTLE_SMTP_URL": "smtp://localhost", "SETTLE_TEAMS_WEBHOOK": "https://hooks.example/1"} | FROM
    assert read_channels(both).names == ("mail", "teams")


def test_messages_are_gathered_for_a_quarter_of_an_hour() -> None:
    """In a local run for seconds, so that the outbox does not look empty; a setting says another time."""
    assert read_channels({}).digest_seconds == 900
    assert read_channels({}, development=True).digest_seconds == 5
    assert read_channels({"SETTLE_DIGEST_SECONDS": "60"}, development=True).digest_seconds == 60


@pytest.mark.parametrize("value", ["0", "-1", "soon", "86401", "15m"])
def test_time_of_gathering_that_cannot_be_is_refused(value: str) -> None:
    """From a second to a day."""
    with pytest.raises(SettingError, match="SETTLE_DIGEST_SECONDS"):
        read_channels({"SETTLE_DIGEST_SECONDS": value})


def test_secrets_are_in_no_repr() -> None:
    """Of the password, the webhook, the link key and the storage account's key."""
    environment = {
        "AzureWebJobsStorage": "AccountKey=s3cret",
        "SETTLE_SMTP_URL": "smtps://u:s3cret@mail.example",
        "SETTLE_TEAMS_WEBHOOK": "https://hooks.example/s3cret",
        "SETTLE_LINK_KEY": "s3cret" * 6,
    } | FROM
    assert "s3cret" not in repr(from_environment(environment))


def test_development_sign_in_exists_in_local_runs_only() -> None:
    """By the host's word or by a setting; never on Azure, whatever the settings say."""
    local, asked = {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}, {"SETTLE_DEV_SIGN_IN": "true"}
    assert read_access(local).dev_sign_in
    assert read_access(asked).dev_sign_in
    assert not read_access(asked).development
    assert not read_access({}).dev_sign_in
    for azure in ({"WEBSITE_INSTANCE_ID": "1"}, {"WEBSITE_SITE_NAME": "settle"}):
        found = read_access(local | asked | azure)
        assert (found.dev_sign_in, found.development) == (False, False)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ""),
        ({"WEBSITE_HOSTNAME": "settle.azurewebsites.net"}, "https://settle.azurewebsites.net"),
        ({"WEBSITE_HOSTNAME": "localhost:7071"}, "http://localhost:7071"),
        ({"SETTLE_PUBLIC_URL": "https://pay.example/settle/"}, "https://pay.example/settle"),
    ],
)
def test_address_of_our_own(environment: dict[str, str], expected: str) -> None:
    """The setting wins over what the host says."""
    assert read_access(environment).public_url == expected


@pytest.mark.parametrize("url", ["pay.example", "javascript:alert(1)", "https://x/?a=b"])
def test_address_of_our_own_has_to_be_one(url: str) -> None:
    """Links in messages begin with it."""
    with pytest.raises(SettingError, match="SETTLE_PUBLIC_URL"):
        read_access({"SETTLE_PUBLIC_URL": url})


def test_flag_is_true_or_false() -> None:
    """A typing error does not quietly switch the platform's sign-in off."""
    with pytest.raises(SettingError, match="SETTLE_EASY_AUTH"):
        read_access({"SETTLE_EASY_AUTH": "ture"})
    assert read_access({"SETTLE_EASY_AUTH": "True"}).easy_auth
