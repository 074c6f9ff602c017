"""Take one window of a sweep: plan it, claim its blobs, and pack them into the batch.

Each of the three is written before the next begins, with a condition. So a window that died in the middle, or
that two processes work at, comes to the same documents under the same numbers. A version of a blob belongs to
the window that claimed it, whatever becomes of it then; another version is another document.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from adapters.services import Services
from invoicing.archive import Entry, Limits, loose_entry, oversized_entry
from invoicing.batching import pack, plan
from invoicing.findings import finding
from invoicing.records.sweep import SweptBlob, SweptWindow
from invoicing.records.sweep_steps import SweepWindowJob, SweptSoFar
from invoicing.taken import key_of, owner_of
from stores.batches import BatchStore
from stores.blobs import BlobConflict, BlobMissing, Blobs, StorageUnavailable
from stores.swept import SweepStore, TakenStore

#: Blobs in one window, and their bytes.
WINDOW = 1000
WINDOW_BYTES = 256 * 1024 * 1024
#: Blobs of one page of a listing, and those that one window looks at: most may have been taken before.
PAGE = 1000
LOOKED_AT = 20_000
# Blobs that are read at the same time.
_READ_AHEAD = 8
# Another process may be a step ahead, each time we come.
_TRIES = 10
_ANY_SIZE = 1 << 60


def take_window(services: Services, job: SweepWindowJob) -> SweptSoFar:
    """Take a window; repeating it takes the same. Nothing is taken where the sweep is over."""
    store = SweepStore(services.blobs, job.sweep)
    for _ in range(_TRIES):
        found = store.window(job.place.window)
        if found is None:
            if _is_over(services, store, job):
                return SweptSoFar()
            store.plan(_planned(services, job))
            continue
        window, etag = found
        if window.state == "packed":
            passed = window.listed - len(window.blobs)
            return SweptSoFar(after=window.after, documents=len(window.blobs), passed=passed)
        advance = _claimed if window.state == "planned" else _packed
        store.change(advance(services, job, window), etag)
    raise StorageUnavailable(f"window {job.place.window} of {job.sweep}: others keep writing it")


def _is_over(services: Services, store: SweepStore, job: SweepWindowJob) -> bool:
    """Whether the sweep was decided about; once it is finished, only its batch is left."""
    return store.end() is not None or BatchStore(services.blobs).exists(job.batch)


def _planned(services: Services, job: SweepWindowJob) -> SweptWindow:
    """What the window is to take: the next blobs that nobody has."""
    listing = _Listing(services, job)
    return listing.lone(job.only) if job.only else listing.window()


class _Listing:
    """Looks through the container for blobs that nobody has taken."""

    def __init__(self, services: Services, job: SweepWindowJob) -> None:
        self._job = job
        self._blobs = services.swept(job.container)
        self._largest = services.settings.limits.max_document
        self._taken = TakenStore(services.blobs)

    def lone(self, name: str) -> SweptWindow:
        """A window with one blob, where it is there and free."""
        listed = [blob for blob in versions(self._blobs, name, 1, None)[0] if blob.name == name]
        taken = self._taken.owners([key_of(self._job.container, blob) for blob in listed])
        free = [blob for blob in listed if key_of(self._job.container, blob) not in taken]
        return self._of(free, None, len(listed), has_more=False)

    def window(self) -> SweptWindow:
        """The next window of all blobs."""
        taken = self._taken.owners()
        page = self._job.place.page
        free: list[SweptBlob] = []
        looked_at = size = 0
        while True:
            listed, following = versions(self._blobs, "", PAGE, page)
            for blob in listed:
                looked_at += 1
                if key_of(self._job.container, blob) in taken:
                    continue
                if self._is_full(len(free), size):
                    # The rest of the page is for the next window, which finds what this one has claimed.
                    return self._of(free, page, looked_at - 1, has_more=True)
                free.append(blob)
                size += blob.size if blob.size <= self._largest else 0
            page = following
            if page is None or looked_at >= LOOKED_AT or self._is_full(len(free), size):
                return self._of(free, page, looked_at, has_more=page is not None)

    def _is_full(self, blobs: int, size: int) -> bool:
        return blobs >= min(WINDOW, self._job.most) or size >= WINDOW_BYTES

    def _of(self, free: list[SweptBlob], page: str | None, listed: int, *, has_more: bool) -> SweptWindow:
        return SweptWindow(
            state="planned",
            place=self._job.place,
            blobs=tuple(free),
            page=page,
            has_more=has_more,
            listed=listed,
        )


def versions(blobs: Blobs, prefix: str, size: int, page: str | None) -> tuple[list[SweptBlob], str | None]:
    """One page of a listing: its blobs, without the marks of folders, and the next page."""
    found = blobs.page(prefix, size, page)
    listed = [
        SweptBlob(name=blob.name, etag=blob.etag, size=blob.size)
        for blob in found.blobs
        if not blob.name.endswith("/")
    ]
    return listed, found.next_token


def _claimed(services: Services, job: SweepWindowJob, window: SweptWindow) -> SweptWindow:
    keys = {key_of(job.container, blob): blob for blob in window.blobs}
    mine = TakenStore(services.blobs).claim(owner_of(job.sweep, window.place.window), keys)
    blobs = tuple(blob for key, blob in keys.items() if key in mine)
    return window.model_copy(update={"state": "claimed", "blobs": blobs})


def _packed(services: Services, job: SweepWindowJob, window: SweptWindow) -> SweptWindow:
    """Read the blobs and write them in chunks, one at a time in memory.

    The numbers follow from the listing alone: a blob that is gone or was changed keeps its number, and its
    row says so.
    """
    settings, place = services.settings, window.place
    container, limits = services.swept(job.container), settings.limits
    sizes = [None if blob.size > limits.max_document else blob.size for blob in window.blobs]
    lasts: list[int] = []
    refused: list[int] = []

    def read(blob: SweptBlob) -> Entry:
        return _entry(container, blob, limits)

    with ThreadPoolExecutor(_READ_AHEAD) as readers:
        for first, last in plan(sizes, settings.chunk_documents, settings.chunk_bytes):
            wanted = window.blobs[first - 1 : last]
            entries = list(readers.map(read, wanted))
            (chunk,) = pack(entries, len(entries), _ANY_SIZE, place.n + first - 1)
            kept = BatchStore(services.blobs).keep_pack_once(job.batch, place.chunk + len(lasts), chunk)
            lasts.append(place.n + last - 1)
            refused += kept
    return window.model_copy(update={"state": "packed", "lasts": tuple(lasts), "refused": tuple(refused)})


def _entry(container: Blobs, blob: SweptBlob, limits: Limits) -> Entry:
    if blob.size > limits.max_document:
        return oversized_entry(blob.name, blob.size, limits)
    try:
        return loose_entry(blob.name, container.read_version(blob.name, blob.etag), limits)
    except BlobMissing:
        text = "The file was removed from the container before it was read."
    except BlobConflict:
        text = "The file was changed before it was read. The changed one is a document of another batch."
    shown = loose_entry(blob.name, b"", limits).name
    return Entry(shown, None, blob.size, finding("SETTLE-FILE-GONE", text))
