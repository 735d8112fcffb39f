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

FEW = 4
"""So many tasks may wait where the sweep tells those who send or look up where to do so.

Such a task takes seconds, and the sweep tells all partitions at once, each second. A sender that has more to do asks
for a further turn by itself. So there is one task for each partition, and what else is in the queue does not wait
behind hundreds.
"""

ROUTES: Mapping[str, Route] = {
    DELIVERY: Route(task=SEND, queue="emails", longest=FEW),
    LOOKUP: Route(task=LOOK_UP, queue="tracking", longest=FEW),
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
