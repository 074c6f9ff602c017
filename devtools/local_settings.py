"""local.settings.json: the settings of a developer's machine, as Core Tools reads them."""

import json
import os
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devtools import private_files
from devtools.errors import DevError
from devtools.project import Project

FILE = "local.settings.json"
EXAMPLE = "local.settings.json.example"
STORAGE = "AzureWebJobsStorage"
DOCUMENTS = "SETTLE_STORAGE"
CONTAINER = "SETTLE_CONTAINER"
PUBLIC_URL = "SETTLE_PUBLIC_URL"
LEDGER_KEY = "SETTLE_LEDGER_KEY"
ANCHOR_CONTAINER = "SETTLE_ANCHOR_CONTAINER"
LOCAL_STORAGE = "UseDevelopmentStorage=true"
DEFAULT_PORT = 7071
DEFAULT_CONTAINER = "settle"

_NAMES = (STORAGE, DOCUMENTS, CONTAINER, PUBLIC_URL, LEDGER_KEY, ANCHOR_CONTAINER)


@dataclass(frozen=True)
class LocalSettings:
    """What the commands need to know of the file.

    `port` of the host. `storage`: the account of the host. `documents`: the account of documents and ledgers,
    "" where it is that of the host. `container`: where in it they are. `public_url`: the address that people
    open Settle at, "" where it is the host's own. `ledger_key`: what ledgers are signed with, "" where a run
    makes its own. `anchor_container`: where copies of anchors are, "" for nowhere.
    """

    port: int
    storage: str
    documents: str = ""
    container: str = DEFAULT_CONTAINER
    public_url: str = ""
    ledger_key: str = field(default="", repr=False)
    anchor_container: str = ""

    @property
    def wants_azurite(self) -> bool:
        """Whether the local storage is meant, rather than accounts that the developer named."""
        return is_local(self.storage) or is_local(self.documents)

    @property
    def public_names(self) -> tuple[str, ...]:
        """The host names in the address that people open Settle at; none where there is no such address."""
        try:
            name = urllib.parse.urlsplit(self.public_url).hostname
        except ValueError:
            return ()  # the app itself says what is wrong with it
        return (name,) if name else ()

    def documents_storage(self, azurite: str) -> str:
        """The connection string of the account of documents and ledgers; `azurite`: that of the local one."""
        named = self.documents or self.storage
        return azurite if is_local(named) else named

    def host_storage(self, azurite: str) -> str:
        """The connection string of the host's account; `azurite`: that of the local one."""
        return azurite if is_local(self.storage) else self.storage


def is_local(connection: str) -> bool:
    """Whether a connection string is the short form that means the local storage, whatever its ports."""
    return connection.strip().rstrip(";").lower() == LOCAL_STORAGE.lower()


def ensure(project: Project) -> bool:
    """Make the file from the example unless there is one; True when it was made. Never overwrites."""
    file = project.root / FILE
    if file.exists():
        return False
    private_files.write(file, (project.root / EXAMPLE).read_text("utf-8"))  # it may get keys of accounts
    return True


def read(project: Project, environment: Mapping[str, str] = os.environ) -> LocalSettings:
    """Read the file; a variable of the environment wins over it, as with Core Tools. Raises DevError."""
    file = project.root / FILE
    try:
        content: Any = json.loads(file.read_text("utf-8-sig"))
        values, host = content.get("Values", {}), content.get("Host", {})
        port = int(host.get("LocalHttpPort", DEFAULT_PORT))
        named = {name: str(environment.get(name) or values.get(name) or "") for name in _NAMES}
    except (ValueError, AttributeError) as error:
        raise DevError(
            f"{FILE} cannot be read: {error}",
            hint=f"mend it, or delete it to have it made again from {EXAMPLE}",
        ) from error
    return LocalSettings(
        port,
        storage=named[STORAGE] or LOCAL_STORAGE,
        documents=named[DOCUMENTS],
        container=named[CONTAINER] or DEFAULT_CONTAINER,
        public_url=named[PUBLIC_URL],
        ledger_key=named[LEDGER_KEY],
        anchor_container=named[ANCHOR_CONTAINER],
    )
