"""What a process remembers between requests is listed here, with why no answer depends on it.

HTTP functions run in several processes. A cache of something that changes makes answers differ from one
process to the next, and numbers go backwards: a new one has to be thought about before it stands here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("triggers", "adapters", "stores", "web", "usecases")

#: What is remembered, by module and name, and why it is the same in every process.
KNOWN = {
    "stores/batch_sources.py Sources._known": "what was sent, and how it is divided, never changes",
    "adapters/checking/turns.py Turns._queue": "who waits for the checker of this process",
    "adapters/ledger_audit.py Audit._booked": "made for one request, and gone with it",
    "adapters/ledger_audit.py Audit._booked_freely": "made for one request, and gone with it",
    "adapters/ledger_audit.py Audit._inbox": "made for one request, and gone with it",
    "adapters/ledger_audit.py Audit._payables": "made for one request, and gone with it",
    "adapters/ledger_audit.py Audit._with_people": "made for one request, and gone with it",
    "adapters/ledger_audit.py Audit.strays": "made for one request, and gone with it",
    "stores/ledgers.py Chain.entries": "made for one request, and gone with it",
    "adapters/messages.py _templates": "files of the app",
    "adapters/parsed_files.py ParsedFile._parsed": "files are read each time; kept is what these bytes mean",
    "stores/ranged.py RangedBlob._held": "parts of what never changes, while they are read",
    "adapters/services.py Services._made": "checker and reader: files of the app",
    "adapters/services.py Services.links": "keys that never change; of two that make one, one is kept",
    "adapters/services.py Services.sessions": "each call asks the storage",
    "adapters/services.py Services.slots_begun": "what was started: started again, it finds itself",
    "adapters/services.py Services.sources": "see Sources",
    "adapters/services.py _current": "settings of the app, and clients of storage",
    "adapters/services.py Services.archive": "the clients of a container that a setting names",
    "usecases/call_round.py _Round._new": "made for one step, and gone with it",
    "usecases/check_suppliers.py SupplierDesk._known": "made for one step, and gone with it",
    "usecases/check_suppliers.py SupplierDesk._until": "made for one step, and gone with it",
    "triggers/swagger.py swagger": "types of the app",
    "triggers/health.py _logged": "what was logged, not what is answered",
    "usecases/reading.py KeptReading._kept": "kept only while it cannot change",
    "usecases/reading.py SharedReading._next": "readings that have not begun",
    "triggers/openapi.py document": "types of the app",
    "usecases/reading.py SharedReading._running": "readings that are under way",
    "usecases/telling.py _Wishes._people": "made for one message, and gone with it",
    "usecases/route_book.py RouteBook._free": "made for one step, and gone with it",
    "usecases/route_book.py RouteBook._waiting": "made for one step, and gone with it",
    "usecases/router.py Router._approved": "made for one step, and gone with it",
    "web/rendering.py _environment": "files of the app",
    "web/rendering.py static_files": "files of the app",
    "web/run_listing.py _Walk._kept": "made for one request, and gone with it",
    "web/run_listing.py _Walk.found": "made for one request, and gone with it",
}
_CACHES = {"cache", "lru_cache", "cached_property"}
_CONTAINERS = {"dict", "list", "set", "OrderedDict", "defaultdict", "deque", "Counter"}
_CONTAINERS |= {"WeakKeyDictionary", "WeakValueDictionary"}


def _found(source: str) -> Iterator[str]:
    """Names of what a module keeps: caches, containers that are filled later, globals that are set."""
    tree = ast.parse(source)
    yield from _functions(tree, "")
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{node.name}.")
            yield from _attributes(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and _is_filled_later(node.value):
            yield from (one.id for one in _targets(node) if isinstance(one, ast.Name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from node.names


def _functions(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for one in node.body:
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names = {_name(decorator) for decorator in one.decorator_list}
            if names & _CACHES:
                yield f"{prefix}{one.name}"


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    """Containers that an object begins with; fields of a dataclass where they are its own affair."""
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.value, ast.Call) and _name(one.value) == "field":
            made = {_name(word.value) for word in one.value.keywords if word.arg == "default_factory"}
            if isinstance(one.target, ast.Name) and one.target.id.startswith("_") and made & _CONTAINERS:
                yield f"{node.name}.{one.target.id}"
    for one in ast.walk(node):
        if isinstance(one, (ast.Assign, ast.AnnAssign)) and _is_filled_later(one.value):
            for target in _targets(one):
                if isinstance(target, ast.Attribute):
                    yield f"{node.name}.{target.attr}"


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _is_filled_later(value: ast.expr | None) -> bool:
    if isinstance(value, (ast.Dict, ast.List)):
        return not (value.keys if isinstance(value, ast.Dict) else value.elts)
    return isinstance(value, ast.Call) and _name(value) in _CONTAINERS and not value.args


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _name(node.func)
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_all_that_a_process_remembers_is_thought_about() -> None:
    """A new one that is missing in the table, or one of the table that is gone, fails here."""
    found = {
        f"{path.relative_to(ROOT).as_posix()} {name}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for name in _found(path.read_text("utf-8"))
    }
    assert found == set(KNOWN)


def test_every_way_to_remember_is_seen() -> None:
    """The search is worth something."""
    source = """
from functools import cache, cached_property, lru_cache
_a = {}
_b: dict[str, int] = dict()
_c = collections.OrderedDict()
_fixed = {"x": 1}
_filled = None

@cache
def d(): ...

@functools.lru_cache(maxsize=3)
def e(): ...

def f():
    global _filled
    local = {}

class G:
    def __init__(self):
        self._h: WeakKeyDictionary[str, int] = WeakKeyDictionary()

    @cached_property
    def i(self): ...

@dataclass
class J:
    _k: dict[str, int] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)
"""
    assert set(_found(source)) == {"_a", "_b", "_c", "d", "e", "_filled", "G._h", "G.i", "J._k"}
