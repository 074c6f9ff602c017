"""Whether a mail is answered (RFC 3834): never a machine, never a list, never ourselves.

Two machines that answer each other never stop. So one that answers asks first whether the other side is a
person, and when in doubt says nothing.
"""

from __future__ import annotations

import re

from invoicing.mails.heads import Head

_MACHINES = re.compile(
    r"(mailer-daemon|postmaster|no-?_?reply|do-?not-?reply|bounces?|daemon|listserv|majordomo|owner-.*|.*-request"
    r"|.*-owner|.*-bounces?)"
)
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,240}>")


def why_silent(head: Head, own: frozenset[str]) -> str:
    """Why a mail gets no answer, in words; "" where it gets one."""
    if head.sender is None:
        return "its sender has no address that can be used"
    if head.sender in own:
        return "it comes from our own address"
    if head.return_path.replace(" ", "") == "<>":
        return "it has no return path: it is a bounce or an answer of a machine"
    if _MACHINES.fullmatch(head.sender.partition("@")[0]):
        return "its address is that of a machine"
    if head.content_type == "multipart/report":
        return "it is a report of a mail server"
    return _mark(head.marks)


def _mark(marks: dict[str, str]) -> str:
    """What a header tells of its being sent by a machine."""
    auto = marks.get("auto-submitted", "no").partition(";")[0].strip().lower()
    if auto != "no":
        return "it was sent by a machine (Auto-Submitted)"
    if marks.get("precedence", "").strip().lower() in ("bulk", "junk", "list", "auto_reply"):
        return "it was sent to many (Precedence)"
    if lists := [name for name in marks if name.startswith("list-")]:
        return f"it came over a list ({lists[0].title()})"
    suppressed = {word.strip() for word in marks.get("x-auto-response-suppress", "").lower().split(",")}
    if suppressed & {"all", "autoreply", "oof"}:
        return "its sender wants no automatic answer (X-Auto-Response-Suppress)"
    if others := [name for name in ("x-autoreply", "x-autorespond", "x-loop") if name in marks]:
        return f"it was sent by a machine ({others[0].title()})"
    return ""


def reference(message_id: str) -> str:
    """A message id as an answer may refer to it; "" for what is none."""
    found = _MESSAGE_ID.fullmatch(message_id.strip())
    return found[0] if found else ""
