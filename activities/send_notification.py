"""The step of a message that goes out alone."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.message_steps import SEND_NOTIFICATION, DeliveryTry, NotificationTry
from usecases import send_notification as notifications

bp = df.Blueprint()


@activity(bp, SEND_NOTIFICATION)
def send_notification(job: NotificationTry) -> DeliveryTry:
    """Try to send a message once."""
    return notifications.send_notification(services.current(), job)
