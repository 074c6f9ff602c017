"""Starting instances: the rules for ids, the rule for ids in use, and the first message."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

from devhost import jsontext
from devhost.app.settings import DurableSettings
from devhost.engine.chance import new_id
from devhost.engine.models import RuntimeStatus
from devhost.engine.ports import Catalog
from devhost.engine.work import Work
from devhost.errors import InstanceExists, InvalidInstanceId, UnknownFunction
from devhost.orchestration.history import Event, execution_started
from devhost.state.records import InstanceRecord
from devhost.state.store import Store

__all__ = ["Starter", "check_entity_key", "check_instance_id", "first_event"]

_LONGEST_ID = 256


def check_instance_id(instance_id: str) -> None:
    """Check the id of a new instance (protocol 5.2). Raises InvalidInstanceId."""
    if instance_id.startswith("@"):
        raise InvalidInstanceId("Orchestration instance ids must not start with @.")
    _check_letters(instance_id, "Orchestration instance ids")
    if len(instance_id) > _LONGEST_ID:
        raise InvalidInstanceId(f"Instance ID lengths must not exceed {_LONGEST_ID} characters.")


def check_entity_key(key: str) -> None:
    """Check the key of an entity, for which the same letters are forbidden. Raises InvalidInstanceId."""
    _check_letters(key, "Entity keys")


def _check_letters(text: str, what: str) -> None:
    # Lone surrogates (Cs) are refused with the control characters: no URL and no file can hold them.
    if any(letter in "/\\#?" or unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise InvalidInstanceId(f"{what} must not contain /, \\, #, ?, or control characters.")


class Starter:
    """Starts instances, for callers of the engine and for parents. ``new_id`` makes the ids of executions."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        settings: DurableSettings,
        new_id: Callable[[], str] = new_id,
    ):
        self.new_id = new_id
        self._store = store
        self._catalog = catalog
        self._settings = settings

    def check_name(self, name: str) -> None:
        """Raise UnknownFunction when there is no orchestrator of that name."""
        if self._catalog.orchestrator(name) is None:
            raise UnknownFunction("orchestrator", name, self._catalog.known_orchestrators())

    def start(
        self,
        work: Work,
        name: str,
        instance_id: str,
        input_: str | None,
        version: str | None,
        parent: dict[str, Any] | None = None,
    ) -> None:
        """Write a new instance and its first message. Raises InstanceExists.

        An instance of the same id that is finished is overwritten; with ``AnyState`` a running one is too.
        """
        present = self._store.instance(instance_id)
        if present is not None:
            if not present.status.finished and not self._may_overwrite:
                raise InstanceExists(instance_id, present.status.value)
            work.delete_instance(instance_id)
        record = InstanceRecord(
            instance_id=instance_id,
            execution_id=self.new_id(),
            name=name,
            version=version or self._settings.default_version,
            status=RuntimeStatus.PENDING,
            input=None if input_ is None else jsontext.clean(input_),
            output=None,
            custom_status=None,
            created=work.stamp,
            updated=work.stamp,
        )
        work.start_instance(record)
        work.send(instance_id, first_event(record, parent), record.execution_id)

    @property
    def _may_overwrite(self) -> bool:
        return self._settings.overridable_existing_instance_states == "AnyState"


def first_event(record: InstanceRecord, parent: dict[str, Any] | None, generation: int = 0) -> Event:
    """Return the event that begins the execution of a record; ``parent`` is a ParentInstance."""
    return execution_started(
        record.created,
        name=record.name,
        instance_id=record.instance_id,
        execution_id=record.execution_id,
        input_=record.input,
        version=record.version,
        parent=parent,
        generation=generation,
    )
