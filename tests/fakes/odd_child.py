"""A checker process whose work is what the document says: the real program, with other work to do.

say TEXT     answers with the text
environment  answers with the names in its environment
files        answers with the kinds of its open files, and its limits
sleep        waits for ever, and uses no processor
spin         uses the processor for ever inside of one call, with the interpreter lock held
eat          takes memory bit by bit, for ever
gulp         asks for more memory at once than there may be
segfault     reads where nothing is
exit         leaves with code 3
print TEXT   prints the text wherever it can, then answers with it
garbage      says what is no message
raise TEXT   raises a ValueError with the text
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import stat
import sys
import time
from collections.abc import Callable
from typing import Any

from adapters.checking import child
from adapters.checking.frames import Message, Request

_say = child._say


def work(request: Request) -> tuple[str, bytes]:
    """Do what the document says."""
    verb, _, text = request.content.decode().partition(" ")
    found = _VERBS[verb](text)
    return verb, json.dumps(found).encode()


def main(**options: Any) -> None:
    """What `adapters.checking.child.main` does, with other work and a processor limit without slack."""
    if options["rules"].endswith("import-error"):
        raise ImportError("libsomething.so: cannot open shared object file")
    if options["rules"].endswith("mute"):
        time.sleep(600)
    child._CPU_SLACK = 0
    child._checking = lambda rules: work
    child._say = _say_or_babble
    child.main(**options)


def _say_or_babble(answers: int, message: Message) -> None:
    if getattr(message, "outcome", "") == "garbage":
        os.write(answers, b"\xff" * 100)
        return
    _say(answers, message)


def _files(text: str) -> dict[str, Any]:
    opened = [int(name) for name in os.listdir("/dev/fd")]
    kinds = []
    for number in opened:
        try:
            kinds.append(stat.S_IFMT(os.fstat(number).st_mode))
        except OSError:
            continue  # the listing itself
    return {"sockets": kinds.count(stat.S_IFSOCK), "core": resource.getrlimit(resource.RLIMIT_CORE)[0]}


def _eat(text: str) -> None:
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1024) * 4096))
        time.sleep(0.005)


def _print(text: str) -> str:
    print(text, flush=True)
    print(text, file=sys.stderr, flush=True)
    for number in (0, 1, 2):
        os.write(number, text.encode())
    return text


def _raise(text: str) -> None:
    raise ValueError(text)


_VERBS: dict[str, Callable[[str], Any]] = {
    "say": lambda text: text,
    "environment": lambda text: sorted(os.environ),
    "files": _files,
    "sleep": lambda text: time.sleep(600),
    "spin": lambda text: re.match(r"(a+)+$", "a" * 64 + "b"),
    "eat": _eat,
    "gulp": lambda text: len(bytearray(1 << 32)),
    "segfault": lambda text: ctypes.string_at(0),
    "exit": lambda text: os._exit(3),
    "print": _print,
    "garbage": lambda text: text,
    "raise": _raise,
}
