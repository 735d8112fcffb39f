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

SLICE = 5.0
"""Seconds one task sends: less than a worker that is asked to stop may take for what it has in hand."""
SHORTEST_MEMORY, LONGEST_MEMORY = 60.0, 600.0
"""Seconds a nudge is remembered for, at least and at most: one that is lost is told again after it."""


def routes(partitions: int) -> Mapping[str, Route]:
    """Where the nudges of the sweep go.

    They are remembered for as long as one child takes for all partitions, one after the other, so that a nudge that
    waits for its turn is not told again.
    """
    waits = min(max(SHORTEST_MEMORY, partitions * SLICE * 1.2), LONGEST_MEMORY)
    remembered = round(1000 * waits)
    return {
        DELIVERY: Route(task=SEND, queue="emails", remembered=remembered),
        LOOKUP: Route(task=LOOK_UP, queue="tracking", remembered=remembered),
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
