"""``dev.py verify-ledger``: proves what people decided, from the storage that the other commands use."""

import os
from contextlib import ExitStack

from devtools import azurite, local_settings, run, setup
from devtools.console import Console
from devtools.errors import DevError
from devtools.locks import is_free
from devtools.processes import run_in_terminal
from devtools.project import Project


def verify(project: Project, console: Console) -> int:
    """Prove all ledgers; returns 0 where they are whole, 1 for a flaw, 2 where they cannot be read."""
    setup.set_up(project, console, development=False)
    local_settings.ensure(project)
    with ExitStack() as stack:
        storage = _storage(stack, project, console)
        return run_in_terminal(
            [str(project.python), "-m", "adapters.ledger_audit"],
            cwd=project.root,
            env=project.environment(**{local_settings.STORAGE: storage}),
        )


def _storage(stack: ExitStack, project: Project, console: Console) -> str:
    """The account that the settings name, the Azurite of a run that is up, or one for the moment."""
    named = os.environ.get("SETTLE_STORAGE")
    settings = local_settings.read(project)
    if named or not settings.wants_azurite:
        return named or settings.storage
    if not is_free(project.run_lock):
        return azurite.connection_string(*azurite.DEFAULT_PORTS)
    if not project.azurite_data.exists():
        raise DevError("There is no data to prove yet.", hint="run `python3 dev.py run` first")
    stack.enter_context(run.only_run(project, console))
    with console.step("starting Azurite, the local storage", "Azurite, the local storage"):
        return stack.enter_context(azurite.start(project, preferred=azurite.ANY_PORTS)).connection_string
