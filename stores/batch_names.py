"""Names of the blobs of batches. They are made here, never by a caller."""

from __future__ import annotations

from datetime import datetime

from stores.naming import newest_first

#: Comes after every document of a batch.
LAST = 10**9


def record(batch: str) -> str:
    """What was asked for: source, time and fingerprint of the request."""
    return f"batches/{batch}/batch.json"


def upload(batch: str) -> str:
    """The request's documents as one zip: chunks are parts of it."""
    return f"batches/{batch}/upload.zip"


def stop_mark(batch: str) -> str:
    """Exists once somebody asked that the batch be stopped."""
    return f"batches/{batch}/stop"


def manifest(batch: str) -> str:
    """The last document of each chunk."""
    return f"batches/{batch}/manifest.json"


def places(batch: str) -> str:
    """Where each document lies in the zip of the request, in entries of one length."""
    return f"batches/{batch}/places"


def sources(batch: str) -> str:
    """The prefix of all packs of a batch."""
    return f"batches/{batch}/source/"


def source(batch: str, chunk: int) -> str:
    """A pack of documents out of a container, byte for byte as they came."""
    return f"{sources(batch)}{chunk:05d}.zip"


def results(batch: str) -> str:
    """The prefix of all results of a batch."""
    return f"batches/{batch}/results/"


def result(batch: str, chunk: int, first: int | None = None, last: int | None = None) -> str:
    """The rows (NDJSON) of a chunk, or of its documents `first` to `last`."""
    part = "" if first is None else f"-{first:06d}-{last:06d}"
    return f"{results(batch)}{chunk:05d}{part}.ndjson"


def chunk_of_result(name: str) -> int:
    """The chunk that a result blob belongs to."""
    return int(name.rpartition("/")[2][:5])


def part_of_result(name: str) -> tuple[int, int]:
    """The first and the last document that a result blob is about; 0 and `LAST` for a whole chunk."""
    numbers = name.rpartition("/")[2].removesuffix(".ndjson").split("-")[1:]
    return (int(numbers[0]), int(numbers[1])) if numbers else (0, LAST)


def dead(batch: str, document: int) -> str:
    """A document that was set aside because its processing kept failing."""
    return f"batches/{batch}/dead/{document:06d}"


def rows(batch: str) -> str:
    """The final rows (NDJSON) of all documents in order, duplicates told as such."""
    return f"batches/{batch}/rows.ndjson"


def claim_shard(shard: int) -> str:
    """One of the sorted files of every invoice ever seen."""
    return f"claims/{shard:02x}"


def totals(batch: str) -> str:
    """The totals of the final rows."""
    return f"batches/{batch}/totals.json"


def report(batch: str, kind: str) -> str:
    """The report as json, csv, xlsx or html."""
    return f"batches/{batch}/report.{kind}"


INDEX = "index/batches/"


def index(batch: str, created: datetime) -> str:
    """An empty blob whose name sorts the newest batch first: a listing by name is the list of batches."""
    return f"{INDEX}{newest_first(created)}-{batch}"


def batch_of_index(name: str) -> str:
    """The batch that an index blob stands for."""
    return name.rpartition("-")[2]
