"""local.settings.json: the settings of a developer's machine, as Core Tools reads them."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devtools.errors import DevError
from devtools.project import Project

FILE = "local.settings.json"
EXAMPLE = "local.settings.json.example"
STORAGE = "AzureWebJobsStorage"
LOCAL_STORAGE = "UseDevelopmentStorage=true"
DEFAULT_PORT = 7071


@dataclass(frozen=True)
class LocalSettings:
    """What the commands need to know of the file: the port of the host, and which storage is meant."""

    port: int
    storage: str

    @property
    def wants_azurite(self) -> bool:
        """Whether the local storage is meant, rather than an account that the developer named."""
        return self.storage.strip().rstrip(";") == LOCAL_STORAGE


def ensure(project: Project) -> bool:
    """Make the file from the example unless there is one; True when it was made. Never overwrites."""
    file = project.root / FILE
    if file.exists():
        return False
    shutil.copyfile(project.root / EXAMPLE, file)
    return True


def read(project: Project, environment: Mapping[str, str] = os.environ) -> LocalSettings:
    """Read the file; a variable of the environment wins over it, as with Core Tools. Raises DevError."""
    file = project.root / FILE
    try:
        content: Any = json.loads(file.read_text("utf-8-sig"))
        values, host = content.get("Values", {}), content.get("Host", {})
        port = int(host.get("LocalHttpPort", DEFAULT_PORT))
        storage = str(environment.get(STORAGE) or values.get(STORAGE) or LOCAL_STORAGE)
    except (ValueError, AttributeError) as error:
        raise DevError(
            f"{FILE} cannot be read: {error}",
            hint=f"mend it, or delete it to have it made again from {EXAMPLE}",
        ) from error
    return LocalSettings(port, storage)
