"""The linter: each rule finds what it is for, and leaves alone what only looks like it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from devhost.cli import main
from devhost.lint import RULES, Severity, UnusablePath, lint
from tests.devhost.lint_kit import HEAD, ROOT, lint_text, orchestrator

CALLS = [
    ("DF001", "import datetime", "datetime.datetime.now()"),
    ("DF001", "from datetime import datetime as d", "d.utcnow().isoformat()"),
    ("DF001", "from datetime import date", "date.today()"),
    ("DF001", "import time as t", "t.monotonic()"),
    ("DF001", "from time import sleep", "sleep(3)"),
    ("DF001", "import time", "time.strftime('%Y')"),
    ("DF001", "import datetime as dt\nnow = dt.datetime.now", "now()"),
    ("DF002", "import random", "random.choice([1, 2])"),
    ("DF002", "import random", "random.Random()"),
    ("DF002", "from uuid import uuid4 as new", "str(new())"),
    ("DF002", "import os", "os.urandom(8)"),
    ("DF002", "import secrets", "secrets.token_hex()"),
    ("DF002", "", "hash('text')"),
    ("DF003", "", "open('file').read()"),
    ("DF003", "import requests", "requests.get('http://x').json()"),
    ("DF003", "from urllib.request import urlopen", "urlopen('http://x')"),
    ("DF003", "import subprocess as sp", "sp.run(['ls'])"),
    ("DF003", "from pathlib import Path", "Path('a').joinpath('b').read_text()"),
    ("DF003", "from pathlib import Path\nFOLDER = Path('a')", "(FOLDER / 'b').exists()"),
    (
        "DF003",
        "from azure.storage.blob import BlobServiceClient",
        "BlobServiceClient.from_connection_string('x')",
    ),
    ("DF004", "import os", "os.environ['A']"),
    ("DF004", "from os import environ", "environ.get('A')"),
    ("DF004", "import os", "os.getenv('A')"),
    ("DF004", "import platform", "platform.node()"),
    ("DF005", "import threading", "threading.Thread(target=print).start()"),
    ("DF005", "from concurrent.futures import ThreadPoolExecutor", "ThreadPoolExecutor()"),
    ("DF005", "import asyncio", "asyncio.run(None)"),
    ("DF013", "", "print('here')"),
    ("DF014", "import logging", "logging.info('here')"),
    ("DF014", "import logging\n_log = logging.getLogger(__name__)", "_log.warning('here')"),
]


@pytest.mark.parametrize(("rule", "top", "call"), CALLS, ids=[f"{r}-{c}" for r, _, c in CALLS])
def test_call_that_breaks_replay_is_found(tmp_path, rule, top, call):
    """However it was imported, and once at its line."""
    line = 3 + len(top.splitlines())
    assert lint_text(tmp_path, orchestrator(f"x = {call}", top)) == [f"{rule}:{line}"]


GOOD_CALLS = [
    ("", "context.current_utc_datetime.date()"),
    ("import datetime", "datetime.datetime.fromisoformat('2024-01-01')"),
    ("import datetime", "datetime.timedelta(days=1)"),
    ("import time", "time.strftime('%Y', time.gmtime(0))"),
    ("import random", "random.Random(context.instance_id).choice([1, 2])"),
    ("import uuid", "uuid.uuid5(uuid.NAMESPACE_URL, context.instance_id)"),
    ("", "context.new_uuid()"),
    ("from pathlib import Path, PurePosixPath", "Path('a') / PurePosixPath('b').name"),
    ("import os", "os.path.join('a', 'b')"),
    ("from urllib.parse import quote", "quote('a b')"),
    ("class requests:\n    pass", "requests.get('a name of our own')"),
    ("def open(name):\n    return name", "open('our own')"),
    ("import json", "json.dumps({'b': 1})"),
]


@pytest.mark.parametrize(("top", "call"), GOOD_CALLS, ids=[c for _, c in GOOD_CALLS])
def test_call_that_is_the_same_at_each_replay_is_left_alone(tmp_path, top, call):
    """Pure functions of the modules above, and names that only look like theirs."""
    assert lint_text(tmp_path, orchestrator(f"x = {call}", top)) == []


def test_local_name_hides_an_import(tmp_path):
    """A parameter or variable called like a module is not the module."""
    text = """
        import random, time
        def helper(random):
            return random.choice([1])
        @bp.orchestration_trigger(context_name="context")
        def flow(context):
            time = context.get_input()
            yield helper(time.sleep())
    """
    assert lint_text(tmp_path, text) == []


def test_log_lines_that_are_not_repeated_are_left_alone(tmp_path):
    """Under a look at is_replaying, either way round."""
    body = """
        if not context.is_replaying:
            print("once")
        if context.get_input() and not context.is_replaying:
            print("once")
        if context.is_replaying:
            pass
        else:
            logging.info("once")
    """
    assert lint_text(tmp_path, orchestrator(body, "import logging")) == []


def test_only_orchestrators_are_checked(tmp_path):
    """Activities, entities, triggers and everything else may do I/O."""
    text = """
        import time
        @bp.activity_trigger(input_name="x")
        def work(x):
            return time.time()
        @bp.entity_trigger(context_name="context")
        def counter(context):
            open("x")
        @bp.orchestration_trigger(context_name="context")
        def flow(context):
            yield context.call_activity(work, 1)
        def other():
            time.sleep(1)
    """
    assert lint_text(tmp_path, text) == []


def test_orchestrator_of_the_first_programming_model_is_checked(tmp_path):
    """main = df.Orchestrator.create(function)."""
    text = """
        import time
        def flow(context):
            yield time.time()
        main = df.Orchestrator.create(flow)
    """
    assert lint_text(tmp_path, text) == ["DF001:3"]


# -- helpers


def test_helpers_are_followed_across_files(tmp_path):
    """Called or given to yield from, imported by any name, methods and constructors too."""
    text = """
        from helpers import steps as s, Job
        import helpers
        @bp.orchestration_trigger(context_name="context")
        def flow(context):
            yield from s(context)
            job = Job("x")
            yield job.send(context)
            yield list(map(helpers.stamp, [1]))
    """
    helpers = """
        import time, random
        from deeper import name
        def steps(context):
            yield context.call_activity(name())
        class Job:
            def __init__(self, x):
                self.at = time.time()
            def send(self, context):
                return self.pick()
            def pick(self):
                return random.random()
        def stamp(x):
            return time.time()
        def not_called():
            return time.time()
    """
    deeper = """
        import uuid
        def name():
            return str(uuid.uuid4())
    """
    (tmp_path / "host.json").write_text("{}")
    assert lint_text(tmp_path, text, helpers=helpers, deeper=deeper) == [
        "DF002:1",
        "DF001:5",
        "DF002:9",
        "DF001:11",
    ]


def test_finding_in_a_helper_says_who_reaches_it(tmp_path):
    """Its place is the helper's, so the reader has to be told why it matters."""
    text = orchestrator("yield from wait(context)", "from helpers import wait")
    lint_text(tmp_path, text, helpers="import time\ndef wait(context):\n    yield time.time()\n")
    (finding,) = lint([tmp_path / "flow.py"])
    assert finding.file.endswith("helpers.py")
    assert "Reached from orchestrator 'flow'." in str(finding)


def test_helpers_that_call_each_other_end(tmp_path):
    """Recursion is followed once."""
    text = orchestrator(
        "yield from a(context)",
        "import time\ndef a(c):\n    yield from b(c)\ndef b(c):\n    time.time()\n    yield from a(c)\n",
    )
    assert lint_text(tmp_path, text) == ["DF001:5"]


def test_relative_imports_and_packages_are_followed(tmp_path):
    """from .steps import work, re-exported by a package."""
    package = tmp_path / "flows"
    package.mkdir()
    (tmp_path / "host.json").write_text("{}")
    (package / "__init__.py").write_text("from .steps import work\n")
    (package / "steps.py").write_text("import os\ndef work():\n    return os.getenv('A')\n")
    (package / "one.py").write_text(f"{HEAD}from . import work\n{orchestrator('x = work()')}")
    assert [one.rule_id for one in lint([package / "one.py"])] == ["DF004"]


# -- suppression


def test_comment_with_a_reason_allows_a_finding(tmp_path):
    """On the line, on the line above, on the last line of a call; only the rules that it names."""
    body = """
        a = time.time()  # durable: allow DF001 only shown, never decided upon
        # durable: allow DF001, DF004 the setting never changes
        b = time.time() + len(os.getenv("A"))
        c = dict(
            x=time.time(),  # durable: allow DF002 the wrong rule
        )
    """
    assert lint_text(tmp_path, orchestrator(body, "import time, os")) == ["DF001:8"]


@pytest.mark.parametrize("comment", ["allow DF001", "allow", "allow DF999 because", "allow DF001 -"])
def test_comment_that_says_nothing_is_a_finding_and_allows_nothing(tmp_path, comment):
    """DF015: no rule, no such rule, or no reason."""
    found = lint_text(tmp_path, orchestrator(f"x = time.time()  # durable: {comment}", "import time"))
    assert found == ["DF001:4", "DF015:4"]


def test_text_that_looks_like_the_comment_is_none(tmp_path):
    """DF015 reads comments, not strings."""
    assert lint_text(tmp_path, orchestrator("x = '# durable: allow DF001'")) == []


def test_file_that_is_no_python_is_a_finding(tmp_path):
    """DF016, at its line; other files are checked all the same."""
    (tmp_path / "broken.py").write_text("x = 1\ndef (:\n")
    found = lint_text(tmp_path, orchestrator("x = open('a')"))
    assert sorted(found) == ["DF003:3", f"DF016:{2 - HEAD.count(chr(10))}"]


# -- the command


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "devhost", "lint", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_command_prints_places_and_fails_for_errors(tmp_path):
    """file:line:column, rule, what, and what to do instead."""
    lint_text(tmp_path, orchestrator("x = open('a')\nprint(x)"))
    ended = run(cwd=tmp_path)
    assert ended.returncode == 1
    first, second, last = ended.stdout.splitlines()
    assert first.startswith("flow.py:6:9: DF003 open() does I/O. Do it in an activity")
    assert second.startswith("flow.py:7:5: DF013 (hint) print()")
    assert last == "1 error, 1 hint"


def test_hints_alone_do_not_fail(tmp_path, capsys, monkeypatch):
    """A hint is no error."""
    lint_text(tmp_path, orchestrator("print('x')"))
    monkeypatch.chdir(tmp_path)
    assert main(["lint"]) == 0
    assert "DF013" in capsys.readouterr().out


def test_that_nothing_was_found_is_said(tmp_path, capsys, monkeypatch):
    """Silence could also mean that nothing was looked at."""
    lint_text(tmp_path, orchestrator("pass"))
    monkeypatch.chdir(tmp_path)
    assert main(["lint"]) == 0
    assert capsys.readouterr().out == "0 errors, 0 hints\n"


def test_path_that_is_not_there_is_told(capsys, tmp_path):
    """Exit code 2, and no word of success."""
    assert main(["lint", str(tmp_path / "nowhere")]) == 2
    assert "There is no" in capsys.readouterr().err
    with pytest.raises(UnusablePath):
        lint([tmp_path / "nowhere"])


def test_rules_are_listed_and_documented(capsys):
    """--list-rules prints each rule; docs/devhost-lint.md has a row for each, with its severity."""
    assert main(["lint", "--list-rules"]) == 0
    listed = capsys.readouterr().out
    documented = (ROOT / "docs" / "devhost-lint.md").read_text(encoding="utf-8")
    for rule in RULES.values():
        assert f"{rule.id}  {rule.severity.value}" in listed
        assert f"| {rule.id} | {rule.severity.value} |" in documented
    assert {one.id for one in RULES.values() if one.severity is Severity.HINT} == {"DF012", "DF013", "DF014"}


def test_orchestrators_of_the_app_are_clean():
    """No finding and no hint."""
    assert lint([ROOT / "orchestrators"]) == []


def test_tests_are_left_out_without_paths(tmp_path, monkeypatch):
    """They hold broken orchestrators on purpose; named, they are checked."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "host.json").write_text("{}")
    (tmp_path / "tests" / "bad.py").write_text(f"{HEAD}{orchestrator('open(1)')}")
    monkeypatch.chdir(tmp_path)
    assert lint() == []
    assert [one.rule_id for one in lint([Path("tests")])] == ["DF003"]
