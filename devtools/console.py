"""What the commands say: calm lines with times, one live line on a terminal, plain lines elsewhere."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from devtools.errors import DevError

_COLOURS = {"green": "32", "red": "31", "yellow": "33", "dim": "2", "bold": "1"}


def duration(seconds: float) -> str:
    """A time in words: ``0.4 s``, ``12.3 s``, ``2 min 05 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def shorten(text: str, width: int) -> str:
    """The text in one line of at most ``width`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: max(0, width - 3)].rstrip() + "..."


class Console:
    """Writes to one stream; knows whether that is a terminal."""

    def __init__(self, stream: TextIO | None = None, *, terminal: bool | None = None) -> None:
        self._stream = stream or sys.stdout
        self.terminal = self._stream.isatty() if terminal is None else terminal
        self._colours = self.terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self._live = False

    @property
    def width(self) -> int:
        """Characters in a line: the terminal's, else 200 so that logs say more."""
        return shutil.get_terminal_size().columns if self.terminal else 200

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour, where the stream shows colours."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._colours else text

    def line(self, text: str = "") -> None:
        """One line that stays."""
        self._clear_live()
        self._write(text + "\n")

    def live(self, text: str) -> None:
        """The line that the next one replaces; nothing where the stream is no terminal."""
        if self.terminal:
            self._clear_live()
            self._write(text[: self.width - 1])
            self._live = True

    def done(self, text: str, seconds: float) -> None:
        """A step that went well, with its time."""
        self.line(f"  {self.paint('ok', 'green')}      {text}  {self.paint(duration(seconds), 'dim')}")

    def failed(self, text: str, seconds: float) -> None:
        """A step that went wrong, with its time."""
        self.line(f"  {self.paint('failed', 'red')}  {text}  {self.paint(duration(seconds), 'dim')}")

    def note(self, text: str) -> None:
        """Something worth knowing that is no failure."""
        self.line(f"  {self.paint('note', 'yellow')}    {text}")

    @contextmanager
    def step(self, doing: str, done: str = "") -> Iterator[None]:
        """Show ``doing`` while the block runs; then ``done`` (or the same words) with the time it took."""
        started = time.monotonic()
        self.live(f"  ...     {doing}")
        try:
            yield
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt | SystemExit):
                self.failed(doing, time.monotonic() - started)
            raise
        self.done(done or doing, time.monotonic() - started)

    def error(self, error: DevError) -> None:
        """What happened, the last lines of the log, what to do."""
        self.line()
        self.line(f"{self.paint('Error:', 'red')} {error.message}")
        if error.details:
            self.line()
            for detail in error.details:
                self.line(f"    {detail}")
        if error.hint:
            self.line()
            self.line(f"What to do: {error.hint}")

    def _clear_live(self) -> None:
        if self._live:
            self._write("\r\x1b[2K")
            self._live = False

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()
