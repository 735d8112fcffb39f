"""The textbook design of the weekly job: one Celery task a user for the recommendations, and one an e-mail.

Beat calls `start_week` on Monday; it reads who is subscribed and publishes `recommend` for each of them. `recommend`
reads the user's purchases, scores every product (docs/rule.md), writes the list, and publishes `send_email`, which
writes the e-mail. What is the same for all users is read once a week in each process. E-mails are recorded and not
posted, as the other Mondays of the benchmark do it.

DATABASE_URL and CELERY_BROKER_URL say where it works.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import sqlalchemy as sa
from celery import Celery
from numpy.typing import NDArray

from handlers.composition import Offer, compose
from handlers.vectors import from_name

HALF_LIFE = timedelta(weeks=12)
LIST_LENGTH = 5

app = Celery("textbook")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"global_keyprefix": "textbook:", "visibility_timeout": 900},
)


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """All products, by id; `active` says which may be recommended, `popular` is (row, orders), best first."""

    offers: Sequence[Offer]
    rows: dict[str, int]
    active: NDArray[np.bool_]
    vectors: NDArray[np.float64]
    popular: Sequence[tuple[int, float]]


@app.task
def start_week(week: str, only: list[str] | None = None) -> None:
    """Publish one task for every subscribed user, or for those of some users."""
    with engine().connect() as connection:
        user_ids = connection.scalars(_SUBSCRIBED, {"only": only}).all()
    with app.producer_or_acquire() as producer:
        for user_id in user_ids:
            recommend.apply_async((week, user_id), producer=producer)


@app.task
def recommend(week: str, user_id: str) -> None:
    """Compute the user's list, write it down, and have it mailed."""
    at = monday(week)
    catalogue = catalogue_of(week)
    with engine().begin() as connection:
        purchases = connection.execute(_PURCHASES, {"user_id": user_id, "since": at - timedelta(weeks=52)}).all()
        bought = [catalogue.rows.get(row.product_id, -1) for row in purchases]
        items, personal = best(catalogue, bought, [row.placed_at for row in purchases], at)
        found = {
            "week": week,
            "user_id": user_id,
            "product_ids": [catalogue.offers[row].product_id for row, _ in items],
            "scores": [score for _, score in items],
            "personal": personal,
        }
        connection.execute(_RECOMMEND, found)
    if items:
        send_email.delay(week, user_id)


@app.task
def send_email(week: str, user_id: str) -> None:
    """Render the user's e-mail and record it."""
    catalogue = catalogue_of(week)
    with engine().begin() as connection:
        row = connection.execute(_RECOMMENDED, {"week": week, "user_id": user_id}).one()
        offers = [catalogue.offers[catalogue.rows[product_id]] for product_id in row.product_ids]
        email = compose(user_id, row.name, offers, personal=row.personal)
        content = {"subject": email.subject, "html": email.html, "text": email.text}
        connection.execute(_EMAIL, {"week": week, "user_id": user_id, **content})


def best(
    catalogue: Catalogue, bought: Sequence[int], placed_at: Sequence[datetime], at: datetime
) -> tuple[list[tuple[int, float]], bool]:
    """The five best rows of the catalogue with their scores, and whether the purchases chose them."""
    known = [(row, at - placed) for row, placed in zip(bought, placed_at, strict=True) if row >= 0]
    rows = np.array([row for row, _ in known], np.intp)
    taste = np.exp2([-(age / HALF_LIFE) for _, age in known]) @ catalogue.vectors[rows]
    length = np.linalg.norm(taste)
    if length < 1e-9:
        left = [(row, orders) for row, orders in catalogue.popular if row not in set(bought)]
        return left[:LIST_LENGTH], False
    scores = np.rint(catalogue.vectors @ taste / length * 1e6) / 1e6 + 0.0
    scores[~catalogue.active] = -np.inf
    scores[rows] = -np.inf
    fifth = np.partition(scores, -LIST_LENGTH)[-LIST_LENGTH] if len(scores) > LIST_LENGTH else -np.inf
    candidates = np.flatnonzero((scores >= fifth) & (scores > -np.inf))
    chosen = candidates[np.lexsort((candidates, -scores[candidates]))][:LIST_LENGTH]
    return list(zip(chosen.tolist(), scores[chosen].tolist(), strict=True)), True


@lru_cache(maxsize=1)
def catalogue_of(week: str) -> Catalogue:
    """The catalogue and what is popular, read once a week in each process."""
    with engine().connect() as connection:
        products = connection.execute(_PRODUCTS).all()
        popular = connection.execute(_POPULAR, {"since": monday(week) - timedelta(weeks=4)}).all()
    rows = {product.product_id: row for row, product in enumerate(products)}
    return Catalogue(
        offers=[Offer(product.product_id, product.name, product.price) for product in products],
        rows=rows,
        active=np.array([product.active for product in products], np.bool_),
        vectors=np.array([from_name(product.name).match for product in products]).reshape(len(products), -1),
        popular=[(rows[each.product_id], each.orders) for each in popular],
    )


def monday(week: str) -> datetime:
    """Monday 09:00 UTC of a week such as `2026-W47`."""
    year, number = week.split("-W")
    return datetime.fromisocalendar(int(year), int(number), 1).replace(hour=9, tzinfo=UTC)


@lru_cache(maxsize=1)
def engine() -> sa.Engine:
    """One pool of connections a process."""
    return sa.create_engine(os.environ["DATABASE_URL"])


SCHEMA = sa.text("""
    CREATE SCHEMA IF NOT EXISTS textbook;
    CREATE TABLE IF NOT EXISTS textbook.recommendations (
        week text, user_id text COLLATE "C", product_ids text[] NOT NULL, scores float8[] NOT NULL,
        personal boolean NOT NULL, PRIMARY KEY (week, user_id));
    CREATE TABLE IF NOT EXISTS textbook.emails (
        week text, user_id text COLLATE "C", subject text NOT NULL, html text NOT NULL, text text NOT NULL,
        PRIMARY KEY (week, user_id));
""")

_SUBSCRIBED = sa.text("""
    SELECT user_id FROM shop.users
    WHERE unsubscribed_at IS NULL AND (CAST(:only AS text[]) IS NULL OR user_id = ANY(:only))
""")
_PURCHASES = sa.text("""
    SELECT l.product_id, o.placed_at FROM shop.orders o JOIN shop.order_lines l USING (order_id)
    WHERE o.user_id = :user_id AND o.cancelled_at IS NULL AND l.returned < l.quantity AND o.placed_at >= :since
    ORDER BY o.placed_at, o.order_id, l.product_id
""")
_PRODUCTS = sa.text("""
    SELECT product_id, name, price, retired_at IS NULL AS active FROM shop.products ORDER BY product_id
""")
_POPULAR = sa.text("""
    SELECT l.product_id, CAST(count(*) AS float8) AS orders
    FROM shop.orders o JOIN shop.order_lines l USING (order_id) JOIN shop.products p USING (product_id)
    WHERE o.cancelled_at IS NULL AND l.returned < l.quantity AND o.placed_at >= :since AND p.retired_at IS NULL
    GROUP BY l.product_id ORDER BY orders DESC, l.product_id
""")
_RECOMMEND = sa.text("""
    INSERT INTO textbook.recommendations (week, user_id, product_ids, scores, personal)
    VALUES (:week, :user_id, :product_ids, :scores, :personal) ON CONFLICT DO NOTHING
""")
_RECOMMENDED = sa.text("""
    SELECT r.product_ids, r.personal, u.name FROM textbook.recommendations r JOIN shop.users u USING (user_id)
    WHERE r.week = :week AND r.user_id = :user_id
""")
_EMAIL = sa.text("""
    INSERT INTO textbook.emails (week, user_id, subject, html, text)
    VALUES (:week, :user_id, :subject, :html, :text) ON CONFLICT DO NOTHING
""")
