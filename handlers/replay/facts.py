"""What the log says, for a replay: everything up to a run's barrier, and what came behind it for whoever asks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from events import Event, Recorded, partition_of, recorded
from handlers.popularity import SALES
from handlers.replay.rule import Until

USER_EVENTS = (*SALES, "UserRegistered", "UserUnsubscribed", "UserResubscribed")
PRODUCT_EVENTS = ("ProductAdded", "ProductChanged", "ProductRetired")
LONGEST_POPULARITY = timedelta(weeks=8, days=1)
"""How far back any suspect looks for what is popular."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Where a run's facts end: at `position`. `before` and `after` are its neighbours' barriers, or the log's ends.

    `late` are the ids of the events which the legacy snapshot showed although they lie behind `position`.
    """

    run: str
    scheduled_at: datetime
    position: int
    before: int
    after: int
    partitions: int
    late: frozenset[str]


def cut_of(connection: sa.Connection, run: str, late: Sequence[str]) -> Cut:
    """The cut of a run that was opened."""
    row = connection.execute(_CUT, {"run": run}).one()
    return Cut(
        run=run,
        scheduled_at=row.scheduled_at,
        position=row.position,
        before=row.before,
        after=row.after,
        partitions=row.partitions,
        late=frozenset(late),
    )


def product_events(connection: sa.Connection, cut: Cut) -> Sequence[Recorded]:
    """All that was told of products until the next run."""
    return recorded(
        connection.execute(_OF_PRODUCTS, {"after": cut.after, "late": list(cut.late), "types": list(PRODUCT_EVENTS)})
    )


def sales(connection: sa.Connection, cut: Cut) -> Sequence[Recorded]:
    """Orders of the last weeks and what became of them, of all users."""
    parameters = {
        "after": cut.after,
        "late": list(cut.late),
        "types": list(SALES),
        "since": cut.scheduled_at - LONGEST_POPULARITY,
    }
    return recorded(connection.execute(_SALES, parameters))


def user_events(connection: sa.Connection, cut: Cut, users: Sequence[str]) -> Mapping[str, Sequence[Recorded]]:
    """All that was told of these users until the next run, by user."""
    parameters = {
        "after": cut.after,
        "late": list(cut.late),
        "types": list(USER_EVENTS),
        "users": list(users),
        "partitions": sorted({partition_of(user, cut.partitions) for user in users}),
    }
    found: dict[str, list[Recorded]] = defaultdict(list)
    for each in recorded(connection.execute(_OF_USERS, parameters)):
        found[each.event.key() or ""].append(each)
    return found


def told_until(until: Until, told: Sequence[Recorded], cut: Cut) -> list[Event]:
    """The events up to there."""
    if until == "next run":
        return [each.event for each in told if each.position <= cut.after]
    late = cut.late if until == "late events" else frozenset()
    return [each.event for each in told if each.position <= cut.position or each.event.event_id in late]


_CUT = sa.text("""
    SELECT r.scheduled_at, r.position, (SELECT partitions FROM cutover.log_settings) AS partitions,
           coalesce((SELECT max(o.position) FROM cutover.runs o WHERE o.position < r.position), 0) AS before,
           coalesce((SELECT min(o.position) FROM cutover.runs o WHERE o.position > r.position),
                    (SELECT max(position) FROM cutover.events)) AS after
    FROM cutover.runs r WHERE r.run = :run
""")

_OF_PRODUCTS = sa.text("""
    SELECT position, type, version, data::text AS data FROM cutover.events
    WHERE type = ANY(:types) AND partition = -1 AND (position <= :after OR event_id = ANY(:late)) ORDER BY position
""")

_SALES = sa.text("""
    SELECT position, type, version, data::text AS data FROM cutover.events
    WHERE type = ANY(:types) AND occurred_at >= :since AND (position <= :after OR event_id = ANY(:late))
    ORDER BY position
""")

_OF_USERS = sa.text("""
    SELECT position, type, version, data::text AS data FROM cutover.events
    WHERE type = ANY(:types) AND partition = ANY(:partitions) AND data ->> 'user_id' = ANY(:users)
      AND (position <= :after OR event_id = ANY(:late))
    ORDER BY position
""")
