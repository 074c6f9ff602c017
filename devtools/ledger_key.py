"""The key that local runs sign ledgers with: in a file of its own, never in the storage of the ledgers."""

import secrets

from devtools import private_files, run_record
from devtools.errors import DevError
from devtools.local_settings import LEDGER_KEY, LocalSettings
from devtools.project import Project

_BYTES = 32


def ensure(project: Project, settings: LocalSettings) -> str:
    """The value of SETTLE_LEDGER_KEY for a run; where nobody set one, a run makes it, once for its data."""
    if not settings.ledger_key and not _own(project):
        private_files.write(project.ledger_key, secrets.token_urlsafe(_BYTES))
    return known(project, settings)


def known(project: Project, settings: LocalSettings) -> str:
    """All keys that may have signed the ledgers, the one that was set first; "" where there is none."""
    return " ".join(part for part in (settings.ledger_key, _own(project)) if part)


def worth_keeping(project: Project) -> str | None:
    """The key, where it signed ledgers that are not deleted with the data of the project."""
    last = run_record.read(project)
    return _own(project) or None if last is not None and not last.azurite else None


def _own(project: Project) -> str:
    try:
        return project.ledger_key.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise DevError(
            f"{project.shown(project.ledger_key)} cannot be read: {error}",
            hint=f"make it readable, or set {LEDGER_KEY}",
        ) from error
