"""Starting programs so that none is left behind, whatever happens to the process that started them.

Each program runs under a guard (see :mod:`devtools.guard`) that holds the other end of a pipe.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from devtools import guard, locks, private_files
from devtools.errors import CommandFailed

TAIL_LINES = 15
GRACE_SECONDS = 10.0
# A step is done again from the start when it was interrupted: nothing of it is worth a longer wait.
STEP_GRACE_SECONDS = 1.0


def tail(log: Path, lines: int = TAIL_LINES) -> list[str]:
    """The last lines of a log file, empty when there is none; reads at most 64 KiB."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 65536))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]


def readable(command: Sequence[str]) -> str:
    """The command as one would type it."""
    return shlex.join(command)


class Program:
    """A running program: a service, or a step that takes a while.

    ``log`` gets its output; without one the program shares the terminal, input and Ctrl-C included.
    ``grace`` is how many seconds it has to end by itself when it is asked to: by SIGTERM to its process
    group, or, where ``ends_its_children``, by SIGINT to it alone. ``private``: what it writes is for the
    owner's eyes only.
    Use it as a context manager: leaving the block ends the program and all that it started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        grace: float = GRACE_SECONDS,
        ends_its_children: bool = False,
        private: bool = False,
    ) -> None:
        self.command = list(command)
        self._service_mode = "leader" if ends_its_children else "group"
        self.log = log
        self._grace = grace
        self._started = time.monotonic()
        read_end, self._write_end = os.pipe()
        try:
            self._guard = self._start_guard(read_end, cwd, env, private_files.UMASK if private else -1)
        except BaseException:
            os.close(self._write_end)
            raise
        finally:
            os.close(read_end)

    def _start_guard(
        self, pipe: int, cwd: Path | None, env: Mapping[str, str] | None, umask: int
    ) -> "subprocess.Popen[bytes]":
        mode = self._service_mode if self.log else "terminal"
        # -I -S: the guard needs neither the project nor site-packages, and starts in 15 ms without them.
        command = [sys.executable, "-I", "-S", guard.__file__]
        command += [str(pipe), mode, str(self._grace), *self.command]
        output = _open_log(self.log)
        try:
            return subprocess.Popen(  # noqa: S603 (the commands are those of dev.py itself)
                command,
                cwd=cwd,
                env=None if env is None else dict(env),
                stdin=subprocess.DEVNULL if self.log else None,
                stdout=output,
                stderr=subprocess.STDOUT if self.log else None,
                pass_fds=[pipe, *locks.held()],
                umask=umask,
                # Ctrl-C in the terminal reaches this process alone, which then ends its services in order.
                start_new_session=self.log is not None,
            )
        finally:
            if output is not None:
                output.close()

    @property
    def running(self) -> bool:
        """Whether the program still runs."""
        return self._guard.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The program's exit code, None while it runs."""
        return self._guard.poll()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; returns the exit code, raises subprocess.TimeoutExpired."""
        return self._guard.wait(timeout)

    def last_lines(self) -> list[str]:
        """The last lines of its output; empty when it has no log."""
        return tail(self.log) if self.log else []

    def stop(self) -> None:
        """Ask the program to end, and SIGKILL what is left of its group after the time of grace."""
        if self._write_end >= 0:
            os.close(self._write_end)
            self._write_end = -1
        try:
            self._guard.wait(self._grace + 5)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()

    def check(self, hint: str) -> None:
        """Wait for the end and raise CommandFailed with the last lines unless the exit code is 0."""
        code = self.wait()
        if code:
            raise CommandFailed(
                f"This command ended with exit code {code}: {readable(self.command)}",
                hint=hint,
                details=self.last_lines(),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _open_log(log: Path | None) -> IO[bytes] | None:
    if log is None:
        return None
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return private_files.open_new(log)


def run_step(
    command: Sequence[str],
    *,
    log: Path,
    hint: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a command to its end with its output in ``log``; raises CommandFailed with ``hint``."""
    with Program(command, log=log, cwd=cwd, env=env, grace=STEP_GRACE_SECONDS) as program:
        program.check(hint)


def run_in_terminal(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> int:
    """Run a command that shares this terminal; returns its exit code.

    On Ctrl-C the command gets the time to clean up and to say so, then KeyboardInterrupt goes on.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with Program(command, cwd=cwd, env=env) as program:
        try:
            return program.wait()
        except KeyboardInterrupt:
            program.wait(GRACE_SECONDS)
            raise
