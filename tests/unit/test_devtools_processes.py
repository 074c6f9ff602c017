"""No program is left behind, whatever happens to the process that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devtools.errors import CommandFailed
from devtools.ports import wait_until
from devtools.processes import Program, run_in_terminal, run_step, tail

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = "import time; time.sleep(60)"
STUBBORN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
time.sleep(60)
"""
PARENT_OF_A_CHILD = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
path = pathlib.Path(sys.argv[1])
path.with_suffix(".draft").write_text(str(child.pid))
path.with_suffix(".draft").rename(path)
time.sleep(60)
"""


def _python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def _alive(pid: int) -> bool:
    """Whether a process of this id runs; one that nobody has reaped yet does not count."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def _pid_in(file: Path) -> int:
    assert wait_until(file.exists, timeout=10)
    return int(file.read_text())


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


def test_output_goes_to_the_log_and_the_exit_code_comes_back(tmp_path: Path) -> None:
    """Folders of the log are made."""
    with Program(_python("print('hello'); raise SystemExit(3)"), log=tmp_path / "logs" / "x.log") as program:
        assert program.wait(10) == 3
    assert program.last_lines() == ["hello"]
    assert not program.running


def test_stop_ends_a_program_that_listens_at_once(tmp_path: Path) -> None:
    """A SIGTERM is enough; nobody waits for the time of grace."""
    program = Program(_python(SLEEPER), log=tmp_path / "log")
    assert program.running
    program.stop()
    assert program.exit_code is not None
    assert program.seconds < 5


def test_stop_kills_a_program_that_ignores_sigterm(tmp_path: Path) -> None:
    """After the time of grace there is no asking any more."""
    program = Program(_python(STUBBORN, tmp_path / "ready"), log=tmp_path / "log", grace=0.2)
    assert wait_until((tmp_path / "ready").exists, timeout=10)
    program.stop()
    assert program.exit_code == 128 + signal.SIGKILL


@needs_proc
def test_stop_ends_grandchildren_too(tmp_path: Path) -> None:
    """The embedded host has worker processes, Core Tools has language workers."""
    with Program(_python(PARENT_OF_A_CHILD, tmp_path / "pid"), log=tmp_path / "log"):
        grandchild = _pid_in(tmp_path / "pid")
        assert _alive(grandchild)
    assert wait_until(lambda: not _alive(grandchild), timeout=5)


@needs_proc
def test_children_that_a_program_leaves_behind_are_ended_when_it_ends(tmp_path: Path) -> None:
    """Nothing of the group outlives the program, even one that ended well."""
    code = PARENT_OF_A_CHILD.rpartition("time.sleep")[0]
    with Program(_python(code, tmp_path / "pid"), log=tmp_path / "log") as program:
        grandchild = _pid_in(tmp_path / "pid")
        assert program.wait(10) == 0
    assert wait_until(lambda: not _alive(grandchild), timeout=5)


@needs_proc
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_programs_end_when_the_process_that_started_them_dies(tmp_path: Path, signum: signal.Signals) -> None:
    """Even by SIGKILL, which leaves no time to clean up: the guard notices that its pipe is closed."""
    code = f"""
import pathlib, sys, time
sys.path.insert(0, {str(ROOT)!r})
from devtools.processes import Program
Program({_python(PARENT_OF_A_CHILD, tmp_path / "pid")!r}, log=pathlib.Path({str(tmp_path / "log")!r}))
time.sleep(60)
"""
    starter = subprocess.Popen(_python(code), stderr=subprocess.DEVNULL)
    grandchild = _pid_in(tmp_path / "pid")
    child = _parent_of(grandchild)
    starter.send_signal(signum)
    starter.wait(10)
    assert wait_until(lambda: not _alive(child) and not _alive(grandchild), timeout=5)


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_program_that_does_not_exist_ends_with_127_and_says_so(tmp_path: Path) -> None:
    """As a shell does."""
    with Program(["/no/such/program"], log=tmp_path / "log") as program:
        assert program.wait(10) == 127
    assert program.last_lines() == ["/no/such/program: No such file or directory"]


def test_a_failed_step_names_the_command_its_last_lines_and_what_to_do(tmp_path: Path) -> None:
    """All that is needed to act on it, without opening a log."""
    command = _python("print('line'); print('the reason'); raise SystemExit(2)")
    with pytest.raises(CommandFailed) as caught:
        run_step(command, log=tmp_path / "log", hint="try again")
    assert "exit code 2" in caught.value.message
    assert sys.executable in caught.value.message
    assert caught.value.details == ["line", "the reason"]
    assert caught.value.hint == "try again"


def test_a_program_in_the_terminal_keeps_its_input_and_output(tmp_path: Path) -> None:
    """So that a debugger works in pytest; what was printed before comes before."""
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from devtools.processes import run_in_terminal
print("before")
raise SystemExit(run_in_terminal([sys.executable, "-c", "print(input()); raise SystemExit(5)"]))
"""
    done = subprocess.run(
        _python(code), input="typed\n", capture_output=True, text=True, check=False, timeout=20
    )
    assert done.stdout.splitlines() == ["before", "typed"]
    assert done.returncode == 5


def test_the_environment_and_folder_are_passed_on(tmp_path: Path) -> None:
    """The guard in between changes neither."""
    marker = tmp_path / "said"
    code = "import os, sys; open(sys.argv[1], 'w').write(os.environ['WORD'] + ' ' + os.getcwd())"
    assert run_in_terminal(_python(code, marker), cwd=tmp_path, env={**os.environ, "WORD": "x"}) == 0
    assert marker.read_text() == f"x {tmp_path}"


def test_tail_gives_the_last_lines_of_a_long_log(tmp_path: Path) -> None:
    """Empty lines are left out; a missing log has no lines."""
    log = tmp_path / "log"
    log.write_text("".join(f"line {n}\n\n" for n in range(50_000)))
    assert tail(log, 2) == ["line 49998", "line 49999"]
    assert tail(tmp_path / "missing") == []


def test_starting_and_stopping_takes_little_time(tmp_path: Path) -> None:
    """The guard is paid for with each program; it must stay cheap."""
    started = time.monotonic()
    run_step(["true"], log=tmp_path / "log", hint="")
    assert time.monotonic() - started < 2
