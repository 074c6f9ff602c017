"""What is played for the histories: each workflow, left at each kind of wait, and at its ends.

A module for each subject; its `scenes(version)` yields histories by file name.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from tests.histories.kept import Recorded

_SUBJECTS = sorted(found.name for found in iter_modules([str(Path(__file__).parent)]))


def all_of(version: str) -> Recorded:
    """The texts of all histories of instances that are started with a version, by file name."""
    texts: Recorded = {}
    for subject in _SUBJECTS:
        for some in import_module(f"{__name__}.{subject}").scenes(version):
            twice = texts.keys() & some.keys()
            assert not twice, f"two histories of one name: {sorted(twice)}"
            texts |= some
    return texts
