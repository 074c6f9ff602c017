"""Calls that break replay, by what they do (DF001 to DF005), and output that repeats (DF013, DF014). Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from devhost.lint.places import found
from devhost.lint.rules import Finding
from devhost.lint.scopes import Unit

__all__ = ["check_calls", "forbidden"]

_EXACT: dict[str, str] = {}
_PREFIXES: list[tuple[str, str]] = []


def _add(rule: str, names: str = "", prefixes: str = "") -> None:
    _EXACT.update(dict.fromkeys(names.split(), rule))
    _PREFIXES.extend((f"{one}.", rule) for one in prefixes.split())


_add(
    "DF001",
    "time.time time.time_ns time.monotonic time.monotonic_ns time.perf_counter time.perf_counter_ns "
    "time.process_time time.process_time_ns time.thread_time time.sleep "
    "datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today datetime.date.today "
    "pandas.Timestamp.now pandas.Timestamp.utcnow pandas.Timestamp.today pendulum.now pendulum.today "
    "arrow.now arrow.utcnow django.utils.timezone.now",
)
_add(
    "DF002",
    "uuid.uuid1 uuid.uuid4 os.urandom os.getrandom builtins.id builtins.hash",
    "random secrets numpy.random",
)
_add(
    "DF003",
    "builtins.open builtins.input io.open codecs.open sqlalchemy.create_engine "
    "os.open os.read os.write os.close os.listdir os.scandir os.walk os.mkdir os.makedirs os.remove "
    "os.unlink os.rename os.replace os.rmdir os.removedirs os.stat os.lstat os.chmod os.link os.symlink "
    "os.truncate os.access os.system os.popen os.startfile os.spawnl os.spawnv os.execv "
    "os.path.exists os.path.lexists os.path.isfile os.path.isdir os.path.islink os.path.getsize "
    "os.path.getmtime os.path.getctime os.path.getatime os.path.realpath "
    "pathlib.Path.cwd pathlib.Path.home",
    "requests httpx aiohttp urllib.request urllib3 http.client socket subprocess ftplib smtplib imaplib "
    "poplib sqlite3 shutil tempfile glob psycopg psycopg2 asyncpg pyodbc pymssql pymysql MySQLdb pymongo "
    "redis boto3 botocore paramiko grpc websockets openai "
    "azure.storage azure.identity azure.cosmos azure.data azure.keyvault azure.servicebus azure.eventhub "
    "azure.eventgrid azure.mgmt azure.search azure.ai",
)
_add(
    "DF004",
    "os.getenv os.getenvb os.putenv os.getpid os.getppid os.getcwd os.getlogin os.uname os.cpu_count "
    "os.chdir getpass.getuser locale.getlocale",
    "platform",
)
_add("DF005", "os.fork", "threading _thread multiprocessing concurrent.futures asyncio anyio trio")

_VARIABLES = {"os.environ": "DF004", "os.environb": "DF004", "sys.argv": "DF004"}
# With the time to convert these are plain arithmetic; the number is that of the arguments which say so.
_NEED_ARGUMENTS = {
    "time.localtime": 1,
    "time.gmtime": 1,
    "time.ctime": 1,
    "time.asctime": 1,
    "time.strftime": 2,
}
_PATH_METHODS = frozenset(
    [
        "read_text",
        "write_text",
        "read_bytes",
        "write_bytes",
        "open",
        "exists",
        "is_file",
        "is_dir",
        "is_symlink",
        "iterdir",
        "glob",
        "rglob",
        "walk",
        "mkdir",
        "rmdir",
        "unlink",
        "rename",
        "replace",
        "touch",
        "stat",
        "lstat",
        "resolve",
        "chmod",
        "symlink_to",
        "hardlink_to",
        "readlink",
        "samefile",
        "owner",
    ]
)
_LOG_METHODS = frozenset(
    ["debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log"]
)


def forbidden(dotted: str, call: ast.Call) -> str | None:
    """Return the rule that a call of ``dotted`` breaks, None when it breaks none."""
    if dotted in _EXACT:
        return _EXACT[dotted]
    if dotted in _NEED_ARGUMENTS:
        return "DF001" if len(call.args) + len(call.keywords) < _NEED_ARGUMENTS[dotted] else None
    if dotted == "random.Random":
        return None if call.args or call.keywords else "DF002"
    if dotted.startswith("random.Random()") or dotted.endswith(("Error", "Exception", "Warning")):
        return None  # seeded by whoever made it; and an exception is only a value
    if dotted.startswith(("pathlib.Path()", "pathlib.Path.")):
        return "DF003" if dotted.rpartition(".")[2] in _PATH_METHODS else None
    return next((rule for prefix, rule in _PREFIXES if dotted.startswith(prefix)), None)


_DOES = {
    "DF001": "reads the clock of the machine or waits by it",
    "DF002": "gives another value at each replay",
    "DF003": "does I/O",
    "DF004": "depends on the machine it runs on",
    "DF005": "leaves the thread that replays",
}


def check_calls(unit: Unit) -> Iterator[Finding]:
    """Find calls that break replay, and output that comes again with each replay."""
    for node in unit.nodes:
        if isinstance(node, ast.Call):
            dotted = unit.dotted(node.func)
            if dotted is not None:
                yield from _call(unit, node, dotted)
        elif isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            rule = _VARIABLES.get(unit.dotted(node) or "")
            if rule is not None and not _inside_same(unit, node):
                yield found(unit, node, rule, f"{unit.dotted(node)} {_DOES[rule]}.")


def _inside_same(unit: Unit, node: ast.AST) -> bool:
    """Tell whether the node is only the inner part of a longer name of the same variable."""
    return unit.dotted(unit.parent(node)) in _VARIABLES


def _call(unit: Unit, node: ast.Call, dotted: str) -> Iterator[Finding]:
    rule = forbidden(dotted, node)
    if rule is not None:
        name = dotted.replace("()", "").removeprefix("builtins.")
        yield found(unit, node, rule, f"{name}() {_DOES[rule]}.")
    elif dotted == "builtins.print" and not _guarded(unit, node):
        yield found(unit, node, "DF013", "print() writes again with each replay.")
    elif _is_log(dotted) and not _guarded(unit, node):
        yield found(unit, node, "DF014", "This line is logged again with each replay.")


def _is_log(dotted: str) -> bool:
    base, _, method = dotted.rpartition(".")
    return method in _LOG_METHODS and base in ("logging", "logging.getLogger()")


def _guarded(unit: Unit, node: ast.AST) -> bool:
    """Tell whether a node runs only when nothing is replayed."""
    inner = node
    for outer in unit.ancestors(node):
        if isinstance(outer, ast.If):
            if inner in outer.body and _asks_replaying(outer.test, negated=True):
                return True
            if inner in outer.orelse and _asks_replaying(outer.test, negated=False):
                return True
        inner = outer
    return False


def _asks_replaying(test: ast.expr, *, negated: bool) -> bool:
    """Tell whether a test is ``is_replaying``, or ``not is_replaying`` (and more) when ``negated``."""
    if negated and isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(_asks_replaying(one, negated=True) for one in test.values)
    if negated:
        if not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            return False
        test = test.operand
    return isinstance(test, ast.Attribute) and test.attr == "is_replaying"
