"""Who has the right to decide now: whom the policy names, and who stands in for them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from adapters import policies
from adapters.services import Services
from invoicing.approval.deciding import People, StandIns
from invoicing.approval.delegation import stand_ins_by_person
from invoicing.approval.policy import PolicyInvalid
from stores import absences
from usecases.refusals import NotAllowed


@dataclass(frozen=True)
class Rights:
    """Who may decide at a moment. `people`: whom the policy names, None where it cannot be read just now."""

    people: People
    stand_ins: StandIns


def who_may_decide(services: Services) -> frozenset[str]:
    """Whom the policy names. Raises PolicyInvalid: nobody decides under a policy that cannot be read."""
    return frozenset(policies.load(services.settings).people)


def require_administrator(services: Services, person: str) -> None:
    """Refuse who may not see runs and do something about them. Raises NotAllowed and PolicyInvalid."""
    if not policies.load(services.settings).looks_after_runs(person):
        text = "Only the administrators whom the policy names may do this."
        raise NotAllowed("not_administrator", text)


def rights_now(services: Services, now: datetime) -> Rights:
    """Who is to be asked at a moment. A policy that cannot be read just now is no reason to ask nobody."""
    try:
        people: People = who_may_decide(services)
    except PolicyInvalid as error:
        logging.warning("rights are those of the approvals themselves: %s", error)
        people = None
    return Rights(people, stand_ins_by_person(absences.all_of(services.blobs).found, now))
