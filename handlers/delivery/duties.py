"""What the relay's sweep does for delivery: ends leases and campaigns, and nudges those who send or look up."""

from collections.abc import Mapping

import sqlalchemy as sa

from events import Duty, Nudge
from handlers.delivery.unconfirmed import anything_to_look_up
from handlers.delivery.upkeep import due_partitions, end_campaigns, expire_leases
from handlers.nudges import Route

DELIVERY = "delivery"
LOOKUP = "lookup"

SEND = "cutover.send"
LOOK_UP = "cutover.look_up"

REMEMBERED = 60_000
"""Milliseconds: more than the senders of all partitions take one after another, five seconds each, on some children."""

ROUTES: Mapping[str, Route] = {
    DELIVERY: Route(task=SEND, queue="emails", remembered=REMEMBERED),
    LOOKUP: Route(task=LOOK_UP, queue="tracking", remembered=REMEMBERED),
}


def _upkeep(connection: sa.Connection) -> list[Nudge]:
    expire_leases(connection)
    end_campaigns(connection)
    return []


def _sending(connection: sa.Connection) -> list[Nudge]:
    return [Nudge(DELIVERY, partition) for partition in due_partitions(connection)]


def _looking_up(connection: sa.Connection) -> list[Nudge]:
    return [Nudge(LOOKUP, 0)] if anything_to_look_up(connection) else []


DUTIES: tuple[Duty, ...] = (_upkeep, _sending, _looking_up)
