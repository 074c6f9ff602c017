"""Every setting of the app.

Read once from the environment (local.settings.json or the app's configuration).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.access_settings import AccessSettings, read_access
from adapters.callback_settings import CallbackSettings, read_callbacks
from adapters.channel_settings import ChannelSettings, read_channels
from adapters.checking.budget import Budget
from adapters.ledger_settings import LedgerSettings, read_ledger
from adapters.lookup_settings import LookupSettings, read_lookups
from adapters.mailbox_settings import MailboxSettings, read_mailbox
from adapters.outgoing_settings import OutgoingSettings, read_outgoing
from adapters.retention_settings import RetentionSettings, read_retention
from adapters.setting_values import SettingError, between, whole
from adapters.signal_settings import SignalSettings, read_signals, signals_queue
from adapters.sweep_settings import SweepSettings, read_sweep
from adapters.watch_settings import read_watch
from invoicing.archive import Limits
from invoicing.records.watching import WatchLimits

__all__ = ["APP_ROOT", "MIB", "SettingError", "Settings", "from_environment", "starts_queue"]

APP_ROOT = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024

# Azurite's account, name and key are public: they are the same on every machine that runs it.
_AZURITE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)


@dataclass(frozen=True)
class Settings:
    """The app's settings; sizes in bytes."""

    storage_connection: str = field(repr=False)  # it holds the account key
    container: str
    source_containers: tuple[str, ...]
    rules_folder: Path
    max_body: int
    limits: Limits
    chunk_documents: int
    chunk_bytes: int
    document_budget: Budget
    policy_file: Path = APP_ROOT / "policy.json"
    access: AccessSettings = field(default_factory=AccessSettings)
    channels: ChannelSettings = field(default_factory=ChannelSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    lookups: LookupSettings = field(default_factory=LookupSettings)
    outgoing: OutgoingSettings = field(default_factory=OutgoingSettings)
    callbacks: CallbackSettings = field(default_factory=CallbackSettings)
    sweep: SweepSettings = field(default_factory=SweepSettings)
    mailbox: MailboxSettings | None = None
    watch: WatchLimits = field(default_factory=WatchLimits)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    # The host reads the queue with its own connection, so that is where messages for it have to go.
    queue_connection: str = field(default="", repr=False)
    starts_queue: str = "settle-starts"
    signals_queue: str = "settle-signals"
    signals: SignalSettings = field(default_factory=SignalSettings)


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; raises SettingError where one is missing or is not of its kind.

    The storage account is that of the Functions host itself (`AzureWebJobsStorage`) unless
    `SETTLE_STORAGE` names another one; `UseDevelopmentStorage=true` means Azurite on its default ports.
    """
    connection = environment.get("SETTLE_STORAGE") or environment.get("AzureWebJobsStorage") or ""
    if not connection:
        raise SettingError(
            "AzureWebJobsStorage is not set. Copy local.settings.json.example to local.settings.json, "
            "or set it to the connection string of a storage account."
        )
    sources = environment.get("SETTLE_SOURCE_CONTAINERS", "inbox")
    access = read_access(environment)
    return Settings(
        storage_connection=_expanded(connection),
        container=environment.get("SETTLE_CONTAINER", "settle"),
        source_containers=tuple(name.strip() for name in sources.split(",") if name.strip()),
        rules_folder=Path(environment.get("SETTLE_RULES") or APP_ROOT / ".rules"),
        max_body=whole(environment, "SETTLE_MAX_BODY_MIB", 90) * MIB,
        limits=Limits(),
        chunk_documents=whole(environment, "SETTLE_CHUNK_DOCUMENTS", 50),
        chunk_bytes=whole(environment, "SETTLE_CHUNK_MIB", 4) * MIB,
        document_budget=_document_budget(environment),
        policy_file=APP_ROOT / (environment.get("SETTLE_POLICY") or "policy.json"),
        ledger=read_ledger(environment),
        lookups=read_lookups(environment, APP_ROOT),
        sweep=read_sweep(environment),
        mailbox=read_mailbox(environment),
        watch=read_watch(environment),
        retention=read_retention(environment),
        access=access,
        channels=read_channels(environment, development=access.development),
        outgoing=read_outgoing(environment),
        callbacks=read_callbacks(environment),
        queue_connection=_expanded(environment.get("AzureWebJobsStorage") or connection),
        starts_queue=starts_queue(environment),
        signals_queue=signals_queue(environment),
        signals=read_signals(environment),
    )


def _document_budget(environment: Mapping[str, str]) -> Budget:
    # Less seconds are not enough for the start of the rules on a busy machine. With more, eight activities
    # (host.json) that wait for each other's documents would not end within the host's functionTimeout.
    seconds = between(environment, "SETTLE_DOCUMENT_SECONDS", 20, 5, 30)
    # The rules and what they need for a small document take 350 MiB.
    memory = between(environment, "SETTLE_DOCUMENT_MIB", 1024, 512, 65536)
    return Budget(cpu=float(seconds), memory=memory * MIB)


def starts_queue(environment: Mapping[str, str] = os.environ) -> str:
    """The queue of detached starts: two apps with containers of their own share no queue either."""
    return f"{environment.get('SETTLE_CONTAINER', 'settle')}-starts"


def _expanded(connection: str) -> str:
    short = connection.strip().rstrip(";").lower() == "usedevelopmentstorage=true"
    return _AZURITE if short else connection
