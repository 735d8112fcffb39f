"""Rebuild: forget what is nothing but a fold of the log, so that it is folded anew. Nothing here acts on anybody."""

import sqlalchemy as sa

from handlers import schema

REBUILT = ("catalogue", "popularity", "recommendations")
"""The subscriptions whose state is a function of the log alone.

Not `emails`, `runs` and `tracking`: theirs is bound to what was handed in and sent, and folding them twice would act.
"""

TABLES = (
    "product_versions",
    "popular_products",
    "subscribers",
    "purchases",
    "cancelled_orders",
    "horizons",
    "recommendations",
    "planned_emails",
)


def forget(connection: sa.Connection) -> None:
    """Empty these tables and set these checkpoints to 0, in the caller's transaction.

    Waits for whoever folds at this moment, and keeps everybody from folding until the commit: from then on workers
    begin at the first event, as they always do. Those who follow what is rebuilt are kept, too: else they could pass a
    barrier whose lists are forgotten, as their end was looked up before. All checkpoints are written, by which
    `events.advance` knows. Lists frozen at a barrier are frozen again when it comes by; `emails` is past it already and
    composes nothing.

    The indexes of purchases are dropped, as keeping them takes longer than making them at the end: call `index` then.
    """
    connection.execute(_LOCK)
    connection.execute(sa.text("TRUNCATE " + ", ".join(f"cutover.{table}" for table in TABLES)))
    connection.execute(_REWIND, {"names": list(REBUILT)})
    for each in schema.purchases.indexes:
        each.drop(connection, checkfirst=True)


def index(connection: sa.Connection) -> None:
    """Make the indexes of purchases that are not there."""
    for each in schema.purchases.indexes:
        each.create(connection, checkfirst=True)


_LOCK = sa.text("SELECT position FROM cutover.checkpoints ORDER BY subscription, partition FOR UPDATE")

_REWIND = sa.text("""
    UPDATE cutover.checkpoints SET position = CASE WHEN subscription = ANY(:names) THEN 0 ELSE position END
""")
"""`advanced_at` stays: nothing has advanced."""
