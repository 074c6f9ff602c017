"""Every setting of the app.

Read once from the environment (local.settings.json or the app's configuration).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from invoicing.archive import Limits

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


class SettingError(ValueError):
    """A setting is missing or has a value that cannot be used; the text names it and says what to set."""


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
    if connection.strip().rstrip(";").lower() == "usedevelopmentstorage=true":
        connection = _AZURITE
    sources = environment.get("SETTLE_SOURCE_CONTAINERS", "inbox")
    return Settings(
        storage_connection=connection,
        container=environment.get("SETTLE_CONTAINER", "settle"),
        source_containers=tuple(name.strip() for name in sources.split(",") if name.strip()),
        rules_folder=Path(environment.get("SETTLE_RULES") or APP_ROOT / ".rules"),
        max_body=_whole(environment, "SETTLE_MAX_BODY_MIB", 90) * MIB,
        limits=Limits(),
        chunk_documents=_whole(environment, "SETTLE_CHUNK_DOCUMENTS", 50),
        chunk_bytes=_whole(environment, "SETTLE_CHUNK_MIB", 4) * MIB,
    )


def _whole(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not text.isdigit() or int(text) < 1:
        raise SettingError(f"{name} is {text!r}. Set it to a whole number above 0, or remove it ({default}).")
    return int(text)
