"""The weekly run's barrier: freezes one partition's lists, as of the run's event, into planned e-mails."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from events import RunEvent
from handlers.catalogue import CatalogueView
from handlers.inputs import HISTORY_DIGESTS, catalogue_digest
from handlers.ranking import LIST_LENGTH

Freeze = Callable[[sa.Connection, int, RunEvent, CatalogueView, datetime], None]


def freeze(connection: sa.Connection, partition: int, run: RunEvent, catalogue: CatalogueView, since: datetime) -> None:
    """Plan an e-mail, or say why there is none, for every registered user of the partition.

    Purchases count that were placed at or after `since`.
    """
    popular = connection.execute(_POPULAR, {"run": run.run}).one()
    parameters = {
        "run": run.run,
        "partition": partition,
        "since": since,
        "popular_ids": popular.product_ids[:LIST_LENGTH],
        "popular_orders": popular.orders[:LIST_LENGTH],
        "popularity": popular.digest,
        "catalogue": catalogue_digest(catalogue),
    }
    # Of tables that were just filled the database has no statistics. It takes them for tiny, and would read all the
    # histories of the partition once for every user.
    connection.execute(sa.text("SET LOCAL enable_nestloop = off"))
    connection.execute(_FREEZE, parameters)
    connection.execute(sa.text("SET LOCAL enable_nestloop TO DEFAULT"))
    for user in connection.execute(_WITHOUT_TASTE, parameters).all():
        _plan_popular(connection, run, user.user_id, popular, set(user.bought))


def _plan_popular(
    connection: sa.Connection, run: RunEvent, user_id: str, popular: sa.Row[Any], bought: set[str]
) -> None:
    """Popular products for a user whose purchases say nothing: what they bought is left out."""
    pairs = zip(popular.product_ids, popular.orders, strict=True)
    chosen: Sequence[tuple[str, float]] = [pair for pair in pairs if pair[0] not in bought][:LIST_LENGTH]
    connection.execute(
        _PLAN,
        {
            "run": run.run,
            "user_id": user_id,
            "product_ids": [product_id for product_id, _ in chosen],
            "scores": [orders for _, orders in chosen],
        },
    )


_POPULAR = sa.text("SELECT product_ids, orders, digest FROM cutover.popular_products WHERE run = :run")

_FREEZE = sa.text(
    """
    WITH history AS (HISTORY_DIGESTS), listed AS (
        SELECT s.user_id, s.subscribed, r.direction IS NOT NULL AS personal, h.digest AS history,
               CASE WHEN r.user_id IS NULL THEN CAST(:popular_ids AS text[]) ELSE r.product_ids END AS product_ids,
               CASE WHEN r.user_id IS NULL THEN CAST(:popular_orders AS float8[]) ELSE r.scores END AS scores
        FROM cutover.subscribers s
        LEFT JOIN cutover.recommendations r USING (user_id)
        LEFT JOIN history h USING (user_id)
        WHERE s.partition = :partition AND s.registered
    )
    INSERT INTO cutover.planned_emails
        (run, user_id, partition, reason, personal, product_ids, scores, subscribed, inputs)
    SELECT :run, user_id, :partition,
           CASE WHEN NOT subscribed THEN 'unsubscribed'
                WHEN product_ids = '{}' THEN 'nothing_to_recommend' END,
           personal, product_ids, scores, subscribed,
           jsonb_strip_nulls(jsonb_build_object(
               'history', coalesce(history, left(encode(sha256(''), 'hex'), 16)),
               'catalogue', CAST(:catalogue AS text),
               'popularity', CASE WHEN history IS NULL THEN CAST(:popularity AS text) END))
    FROM listed
""".replace("HISTORY_DIGESTS", HISTORY_DIGESTS)
)

_WITHOUT_TASTE = sa.text("""
    SELECT r.user_id, array_agg(p.product_id) AS bought
    FROM cutover.recommendations r
    JOIN cutover.subscribers s USING (user_id)
    JOIN cutover.purchases p USING (user_id)
    WHERE r.partition = :partition AND r.direction IS NULL AND s.registered
      AND p.placed_at >= :since AND p.bought > p.returned AND NOT p.cancelled
    GROUP BY r.user_id
""")

_PLAN = sa.text("""
    UPDATE cutover.planned_emails SET product_ids = :product_ids, scores = :scores,
        reason = CASE WHEN NOT subscribed THEN 'unsubscribed'
                      WHEN CAST(:product_ids AS text[]) = '{}' THEN 'nothing_to_recommend' END
    WHERE run = :run AND user_id = :user_id
""")
