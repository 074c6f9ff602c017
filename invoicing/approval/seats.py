"""Seats: whether different people can be found for all places of an approval."""

from __future__ import annotations

from collections.abc import Sequence


def different_people_for(places: Sequence[frozenset[str]]) -> bool:
    """Say whether each place can get a person of its own; a place is the set of people who may take it.

    People are matched to places by augmenting paths: whoever comes later may send an earlier one on to
    another place.
    """
    taken: dict[str, int] = {}

    def fill(place: int, tried: set[str]) -> bool:
        for person in sorted(places[place] - tried):
            tried.add(person)
            if person not in taken or fill(taken[person], tried):
                taken[person] = place
                return True
        return False

    return all(fill(place, set()) for place in range(len(places)))
