"""Remind people of goods that have not come: over the channels that messages of approvals go out by.

A channel that does not work holds nothing up: what went wrong stands with the invoice, and the next reminder
is tried at its time.
"""

from __future__ import annotations

from adapters import teams
from adapters.channels import NotSent
from adapters.messages import template
from adapters.services import Services
from adapters.setting_values import SettingError
from adapters.wording import line, moment
from invoicing.matching.told import plain
from invoicing.matching.tolerances import GoodsPolicy
from invoicing.records.goods import GoodsState
from invoicing.records.messages import Message
from usecases import delivering

_ACTION = "See what has come"
_MOST_LINES = 10


def remind(services: Services, policy: GoodsPolicy, state: GoodsState, number: int) -> str | None:
    """Tell those whom the policy names that goods are missing; returns what went wrong, None: nothing."""
    problems: list[str] = []
    for channel in services.settings.channels.names:
        try:
            if channel == "teams":
                _post(services, state)
                continue
            for person in policy.remind:
                message = _message(services, state, number, person)
                delivering.send(services, channel, message, services.clock())
        except (NotSent, SettingError) as error:
            problems.append(str(error)[:200])
    return "; ".join(problems) or None


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
    id = f"goods-{state.ref.replace('/', '-')}-{number}"
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
