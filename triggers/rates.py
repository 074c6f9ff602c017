"""Exchange rates: the timer that fetches them, and what the API says of them."""

from __future__ import annotations

import asyncio
import logging

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from triggers.responses import answer, answers_errors
from usecases.rates import fetch_rates, rates_status

bp = df.Blueprint()


# The ECB writes its file at about 16:00 in Frankfurt, on working days. Once the rates of the day are there,
# the later tries cost one read; the one in the morning is for an evening on which all failed.
@bp.timer_trigger(arg_name="timer", schedule="0 35 5,14-20 * * 1-5", run_on_startup=False)
async def fetch_daily_rates(timer: func.TimerRequest) -> None:
    """Fetch the exchange rates of the day, unless they are there, or no setting says from where."""
    state = await fetch_rates(services.current())
    if state is not None and state.error:
        logging.warning("exchange rates could not be fetched: %s", state.error)


@bp.route(route="api/rates", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_rates(req: func.HttpRequest) -> func.HttpResponse:
    """The exchange rates that count now, and how the last fetch went."""
    return answer(await asyncio.to_thread(rates_status, services.current()))
