"""The documents of a folder, packed as one zip."""

import io
import zipfile
from pathlib import Path

from devtools.errors import DevError

# What lies beside the documents in the samples folder and is none.
NOT_DOCUMENTS = frozenset({"README.md", "expected.json", "__init__.py", "make.py", "generator.py"})


def default_folder(root: Path) -> Path:
    """The samples: ``samples/invoices`` where the documents have a folder of their own, else ``samples``."""
    own = root / "samples" / "invoices"
    return own if own.is_dir() else root / "samples"


def find(folder: Path) -> list[Path]:
    """All documents below a folder in the order of their names; raises DevError when there are none."""
    if not folder.is_dir():
        raise DevError(f"{folder} is not a folder.", hint="name a folder with invoices (XML or PDF)")
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _is_document(path.relative_to(folder))
    ]
    if not files:
        raise DevError(
            f"There are no documents in {folder}.", hint="name a folder with invoices (XML or PDF)"
        )
    return files


def _is_document(path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return not hidden and path.name not in NOT_DOCUMENTS and path.suffix != ".py"


def pack(folder: Path, files: list[Path]) -> bytes:
    """The files as a zip, named by their paths below the folder.

    The same files make the same bytes, so the app knows a folder again that was sent before.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in files:
            # A ZipInfo of our own carries the earliest date there is instead of the file's.
            member = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            archive.writestr(member, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
