"""How many documents of a batch are checked, as storage says now: every process gives the same answer."""

from activities.results import progress
from usecases.reading import SharedReading

progress_now = SharedReading(progress)
