"""Looking unconfirmed e-mails up in the provider's own records: what they show is accepted, the rest stays as it is."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
import structlog

from handlers.delivery import unconfirmed
from handlers.delivery.claiming import Contents
from handlers.delivery.ledger import Claim
from handlers.delivery.message import Message
from handlers.delivery.provider import Provider, ProviderUnavailable, Unsearchable
from handlers.delivery.turn import LOOK_UP, turn
from handlers.delivery.unconfirmed import Unsettled

PAUSE = 0.25
"""Seconds between two questions, because records are slower to search than e-mails are to send."""
CLOCKS_APART = timedelta(minutes=5)
"""How much the provider's clock may be behind ours."""

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class LookedUp:
    """How many were asked for, and how many of them the provider's records show."""

    asked: int = 0
    found: int = 0


async def look_up(engine: sa.Engine, provider: Provider, contents: Contents, limit: int) -> LookedUp:
    """Ask for up to `limit` unconfirmed e-mails that are due for a look; stops when the records cannot be read.

    Does nothing while another one looks.
    """
    hold = turn(engine, LOOK_UP)
    ours = await asyncio.to_thread(hold.__enter__)
    try:
        return await _look_up(engine, provider, contents, limit) if ours else LookedUp()
    finally:
        await asyncio.to_thread(hold.__exit__, None, None, None)


async def _look_up(engine: sa.Engine, provider: Provider, contents: Contents, limit: int) -> LookedUp:
    with engine.begin() as connection:
        due = unconfirmed.to_look_up(connection, limit)
        messages = contents(connection, [_claim(email) for email in due]) if due else {}
    asked = found = 0
    try:
        for email in due:
            found += await _one(engine, provider, email, messages.get(email.send_id))
            asked += 1
            await asyncio.sleep(PAUSE)
    except ProviderUnavailable as problem:
        log.warning("records_unavailable", problem=str(problem))
    if asked:
        log.info("unconfirmed_looked_up", asked=asked, found=found)
    return LookedUp(asked=asked, found=found)


async def _one(engine: sa.Engine, provider: Provider, email: Unsettled, message: Message | None) -> bool:
    message_id = None
    if message is not None:
        with suppress(Unsearchable):
            message_id = await provider.accepted_since(
                address=message.address, run=email.run, since=email.since - CLOCKS_APART
            )
    with engine.begin() as connection:
        if message_id is None:
            unconfirmed.not_found(connection, email)
        else:
            unconfirmed.found(connection, email, message_id)
    return message_id is not None


def _claim(email: Unsettled) -> Claim:
    return Claim(run=email.run, user_id=email.user_id, path=email.path, send_id=email.send_id, attempt=email.attempt)
