"""Remind people of goods that have not come: over the channels that messages of approvals go out by.

A channel that does not work holds nothing up: what went wrong stands with the invoice, and the next reminder
is tried at its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from adapters import teams
from adapters.channel_settings import Channel
from adapters.channels import NotSent
from adapters.messages import template
from adapters.services import Services
from adapters.setting_values import SettingError
from adapters.wording import line, moment
from invoicing.matching.told import plain
from invoicing.matching.tolerances import GoodsPolicy
from invoicing.records.goods import GoodsState
from invoicing.records.messages import Message
from invoicing.signals.keys import id_hash
from usecases import delivering

_ACTION = "See what has come"
_MOST_LINES = 10
_LONGEST_PROBLEM = 1000


def remind(services: Services, policy: GoodsPolicy, state: GoodsState, number: int) -> str | None:
    """Tell those whom the policy names that goods are missing; returns what went wrong, None: nothing."""
    problems: list[str] = []
    for send in _sendings(services, policy, state, number):
        try:
            send()
        except (NotSent, SettingError) as error:
            problems.append(str(error)[:200])
    return "; ".join(dict.fromkeys(problems))[:_LONGEST_PROBLEM] or None


def _sendings(
    services: Services, policy: GoodsPolicy, state: GoodsState, number: int
) -> Iterator[Callable[[], None]]:
    """Each message for itself: one person who cannot be reached holds back nobody else's."""

    def to(person: str, channel: Channel) -> None:
        message = _message(services, state, number, person)
        delivering.send(services, channel, message, services.clock())

    for channel in services.settings.channels.names:
        if channel == "teams":
            yield partial(_post, services, state)
        else:
            yield from (partial(to, person, channel) for person in policy.remind)


def _message(services: Services, state: GoodsState, number: int, person: str) -> Message:
    subject, lead = _words(state)
    link = _link(services, state)
    values: dict[str, object] = {
        "subject": subject,
        "lead": lead,
        "greeting": f"Hello {line(delivering.name_of(services, person)) or person},",
        "facts": _facts(state),
        "findings": [],
        "action": _ACTION,
        "link": link,
        "personal": False,
        "comment": "",
        "author": "",
    }
    text = template("message.txt").render(values)
    html = template("message.html").render(values)
    # Each person's message is one of its own: an outbox, or a mail server, keeps one of an id.
    id = f"goods-{state.ref.replace('/', '-')}-{number}-{id_hash(person)[:8]}"
    return Message(id, person, delivering.name_of(services, person), subject, text, html, link)


def _post(services: Services, state: GoodsState) -> None:
    subject, lead = _words(state)
    card = teams.card(subject, lead, _facts(state), _link(services, state), _ACTION)
    teams.post(services.settings.channels.teams_webhook or "", card)


def _words(state: GoodsState) -> tuple[str, str]:
    invoice, order = line(state.invoice) or "without a number", line(state.number)
    subject = f"Goods of order {order} are missing: invoice {invoice} waits"
    what = "The order is not known here yet." if state.order is None else "Not all of its goods have come."
    supplier = line(state.supplier) or "an unknown supplier"
    lead = f"Invoice {invoice} of {supplier} waits for order {order}. {what}"
    return subject, lead


def _facts(state: GoodsState) -> list[tuple[str, str]]:
    found = [("Waits since", moment(state.since)), ("Goes to a person", moment(state.until))]
    waiting = [one for one in state.match.lines if one.state == "waiting"] if state.match else []
    for one in waiting[:_MOST_LINES]:
        numbers = f"ordered {plain(one.ordered)}, received {plain(one.received)}, billed {plain(one.billed)}"
        found.append((f"Line {line(one.order_line)}", f"{line(one.name, 100)}: {numbers} {line(one.unit)}"))
    return found


def _link(services: Services, state: GoodsState) -> str:
    home = f"{services.links.home()}/receipts"
    return f"{home}/{state.order}" if state.order else home
