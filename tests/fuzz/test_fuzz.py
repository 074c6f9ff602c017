"""A minute of fuzzing, the same inputs each time, and that fuzzing finds what it is for."""

from __future__ import annotations

import importlib.util
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fuzz import __main__ as command
from tests.fuzz import harness as harness_module
from tests.fuzz import with_hypothesis
from tests.fuzz.harness import Figures, Harness
from tests.fuzz.targets import TARGETS, Target
from tests.official_rules import needs_rules

#: Inputs of each target: about eight seconds where nothing else runs.
EXAMPLES = {
    "xml": 2000,
    "pdf": 1000,
    "zip": 2000,
    "bodies": 1500,
    "queries": 1500,
    "headers": 800,
    "assess": 300,
}


@needs_rules
@pytest.mark.parametrize("name", list(TARGETS))
def test_a_few_thousand_inputs_do_no_harm(name: str, tmp_path: Path) -> None:
    """Nothing is raised but what is documented, and no input takes more than its time and memory."""
    harness = Harness(TARGETS[name], tmp_path)
    for data in TARGETS[name].seeds():
        harness(data)
    with_hypothesis.run(harness, EXAMPLES[name], 1)
    findings = {
        kind: Path(path).with_suffix(".txt").read_text() for kind, path in harness.figures.findings.items()
    }
    assert findings == {}
    assert harness.figures.executions > EXAMPLES[name] // 2


def test_every_target_has_its_part_in_the_tests() -> None:
    """A new one must not be forgotten."""
    assert set(EXAMPLES) == set(TARGETS)


# ---------------------------------------------------------------- that it finds what it is for


def _busy(data: bytes) -> None:
    sum(range(len(data)))


def _made(run, **more) -> Target:
    return replace(Target("made", run, lambda: [b"a" * 100], [b"a"]), **more)


def _kinds(target: Target, folder: Path, *inputs: bytes) -> list[str]:
    harness = Harness(target, folder)
    for data in inputs:
        harness(data)
    return list(harness.figures.findings)


def test_an_error_is_a_finding_once_and_is_kept_with_how_to_run_it_again(tmp_path: Path) -> None:
    """Whatever it is, also what is no `Exception`."""

    def fails(data: bytes) -> None:
        if data == b"bad":
            raise BaseException("odd")
        if data.startswith(b"worse"):
            raise ValueError(data.decode())

    harness = Harness(_made(fails), tmp_path)
    for data in (b"good", b"bad", b"worse", b"worse still", b"good"):
        harness(data)
    assert harness.figures.executions == 5
    assert len(harness.figures.findings) == 2
    kept = sorted((tmp_path / "findings").glob("*.bin"))
    assert {path.read_bytes() for path in kept} == {b"bad", b"worse"}
    told = kept[0].with_suffix(".txt").read_text()
    assert f"python3 dev.py fuzz --target made --again {kept[0]}" in told
    assert "Traceback" in told


def test_an_input_that_takes_too_long_is_a_finding(tmp_path: Path) -> None:
    """Processor time counts, not that of the clock."""
    sleepy = _made(lambda data: time.sleep(0.2), seconds=0.1)
    assert _kinds(sleepy, tmp_path, b"a", b"a") == []
    busy = _made(_busy, seconds=0.0001)
    assert _kinds(busy, tmp_path, b"a", b"a" * 200_000) == ["slow"]


def test_an_input_that_takes_too_much_memory_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However short a time."""
    before = harness_module._memory()
    monkeypatch.setattr(harness_module, "MEMORY", before)
    assert _kinds(_made(lambda data: bytearray(len(data) * 3 * before) and None), tmp_path, b"a") == [
        "memory"
    ]


def test_hypothesis_makes_inputs_out_of_seeds_that_find_a_fault(tmp_path: Path) -> None:
    """One that needs a seed, a word of the target, and repeating it."""

    def fails(data: bytes) -> None:
        assert not (data.startswith(b"seed") and data.count(b"word") > 50)

    harness = Harness(_made(fails, seeds=lambda: [b"seed of it"], words=[b"word"]), tmp_path)
    with_hypothesis.run(harness, 500, 1)
    assert harness.figures.findings


def test_the_same_number_makes_the_same_inputs(tmp_path: Path) -> None:
    """Or a failure in the tests could not be looked into."""
    seen: list[list[bytes]] = []
    for _ in range(2):
        inputs: list[bytes] = []
        with_hypothesis.run(Harness(_made(inputs.append), tmp_path), 50, 7)
        seen.append(inputs)
    assert seen[0] == seen[1]
    assert len(set(seen[0])) > 20


@pytest.mark.parametrize("engine", ["hypothesis", "atheris"])
def test_the_command_runs_a_target_in_a_process_of_its_own(engine: str, tmp_path: Path) -> None:
    """With either engine."""
    if engine == "atheris" and importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not to be had for this machine")
    result = command.fuzz("zip", engine, 3.0, tmp_path)
    assert result.executions > 20
    assert result.findings == {}


def test_a_process_that_hangs_or_dies_is_a_finding_with_its_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in C cannot be interrupted, but it can be ended."""
    monkeypatch.setattr(command, "HUNG", 1.0)
    program = (
        "import os, sys, time; sys.path.insert(0, sys.argv[1]);"
        "from pathlib import Path; from tests.fuzz.harness import CurrentInput;"
        "CurrentInput(Path(sys.argv[2])).write(b'the input'); {}"
    )
    for end, kind in (("time.sleep(600)", "took more than 1 s"), ("os.abort()", "the process ended with -6")):
        made = [program.format(end), str(command.ROOT), str(tmp_path / "zip.current")]
        monkeypatch.setattr(command, "_command", lambda *_, made=made: ["-c", *made])
        result = command.fuzz("zip", "hypothesis", 0.5, tmp_path)
        (path,) = result.findings.values()
        assert list(result.findings) == [kind]
        assert Path(path).read_bytes() == b"the input"


def test_the_table_names_what_was_found_and_how_to_run_it_again() -> None:
    """A person reads it."""
    result = command.Result("xml", "hypothesis")
    result.add(Figures(executions=1000, seconds=1.0, slowest=0.5, findings={"slow": "/x/a.bin"}), wall=2.0)
    told = "\n".join(command.shown([result, command.Result("zip", "atheris")]))
    assert "1,000" in told
    assert "500" in told
    assert "python3 dev.py fuzz --target xml --again /x/a.bin" in told
    assert "none" in told


def test_an_input_can_be_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To see what it does after the mending."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"<a/>")
    assert command.main(["--target", "xml", "--again", str(path)]) == 0
    assert "nothing raised" in capsys.readouterr().out
