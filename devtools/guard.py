"""Runs one program and ends it when the process that asked for it is gone.

    python guard.py PIPE MODE GRACE COMMAND...

PIPE is the number of an inherited file descriptor: the reading end of a pipe whose writing end only the
parent holds. The system closes that end however the parent dies, `kill -9` included, and the guard then ends
the program: it is asked to end, and gets SIGKILL after GRACE seconds. MODE says how:

    group      a service: SIGTERM to its process group, so that grandchildren end too
    leader     a service that ends its own children: SIGINT to it alone; a SIGKILL then goes to the whole
               group, so that no child dies while its parent still looks on
    terminal   a program that the user talks to: SIGTERM to it; it shares the terminal and its Ctrl-C

The exit code is the program's, 128 + N when signal N ended it, 127 when it could not be started.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from types import FrameType


def main(arguments: list[str]) -> int:
    """Run the program until it ends or the pipe closes; return its exit code."""
    pipe, mode, grace, command = int(arguments[0]), arguments[1], float(arguments[2]), arguments[3:]
    stop_requested = _handle_signals(mode)
    try:
        program = subprocess.Popen(command, start_new_session=mode != "terminal")  # noqa: S603 (dev.py's own)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    threading.Thread(target=_watch, args=(pipe, stop_requested), daemon=True).start()
    threading.Thread(target=_stop_when, args=(stop_requested, program, mode, grace), daemon=True).start()
    code = program.wait()
    if mode != "terminal":
        # What the program started and left behind goes as well.
        _signal(program.pid, signal.SIGKILL, mode)
    return code if code >= 0 else 128 - code


def _handle_signals(mode: str) -> threading.Event:
    """SIGTERM asks for a stop. SIGINT is the program's business: the terminal sends it there too."""
    requested = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        requested.set()

    def leave_to_program(signum: int, frame: FrameType | None) -> None:
        if mode != "terminal":
            requested.set()

    # Handlers rather than SIG_IGN: an ignored signal would stay ignored in the program.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    signal.signal(signal.SIGINT, leave_to_program)
    return requested


def _watch(pipe: int, stop_requested: threading.Event) -> None:
    while os.read(pipe, 1024):
        pass
    stop_requested.set()


def _stop_when(
    stop_requested: threading.Event, program: "subprocess.Popen[bytes]", mode: str, grace: float
) -> None:
    stop_requested.wait()
    if mode == "leader":
        _signal(program.pid, signal.SIGINT, "terminal")
    else:
        _signal(program.pid, signal.SIGTERM, mode)
    try:
        program.wait(grace)
    except subprocess.TimeoutExpired:
        _signal(program.pid, signal.SIGKILL, mode)


def _signal(pid: int, signum: int, mode: str) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if mode != "terminal":
            os.killpg(pid, signum)
        else:
            os.kill(pid, signum)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
