"""Messages, and a SendGrid that talks to a given server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from handlers.delivery.message import Message
from handlers.delivery.sendgrid import SendGrid
from handlers.delivery.sendgrid_connections import Timeouts

API_KEY = "SG.k3ySecret.v4lueSecret"
# Long enough that only a test that is about them ever meets them.
PATIENT = Timeouts(connect=60, sock_read=60, total=120)


def message(
    *,
    address: str = "ann.person@example.com",
    name: str = "Ann Person",
    subject: str = "Five for you",
    html: str = "<p>five</p>",
    text: str = "five",
    send_id: str = "send-1",
    run: str = "2026-W47",
    unsubscribe_url: str = "https://shop.example/u?t=abc",
) -> Message:
    """A message that is fit to be sent, but for what is given."""
    return Message(
        send_id=send_id,
        run=run,
        address=address,
        name=name,
        subject=subject,
        html=html,
        text=text,
        unsubscribe_url=unsubscribe_url,
    )


@asynccontextmanager
async def sendgrid(host: str, *, timeouts: Timeouts = PATIENT, connections: int = 100) -> AsyncIterator[SendGrid]:
    """A SendGrid at `host`, closed at the end."""
    provider = SendGrid(
        api_key=API_KEY, mail_from="Shop <shop@example.com>", host=host, timeouts=timeouts, connections=connections
    )
    try:
        yield provider
    finally:
        await provider.close()
