"""E-mails: composes what the barrier planned, partition by partition, and hands it to the mailer."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import sqlalchemy as sa

from events import Batch, RunEvent
from handlers.catalogue import Catalogue, CatalogueView
from handlers.composition import Email, Offer, compose
from handlers.inputs import profile_digest

CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class PlannedEmail:
    """What one user gets in one run: an e-mail with these items (product id, score), or none for `reason`."""

    user_id: str
    reason: str | None = None
    items: Sequence[tuple[str, float]] = ()
    email: Email | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    milliseconds: float = 0.0


class Mailer(Protocol):
    """Where composed e-mails go; the stage of the migration decides which one is handed in."""

    def deliver(self, connection: sa.Connection, run: str, planned: Sequence[PlannedEmail]) -> None:
        """Take these e-mails of a run, in the transaction of `connection`."""


Directory = Callable[[sa.Connection, Sequence[str]], Mapping[str, str]]
"""Names by user id, read from the main app's tables; users it does not know are left out."""

Composer = Callable[[str, str, Sequence[Offer], bool], Email]

Offering = Callable[[CatalogueView, Sequence[str]], list[Offer]]
"""What an e-mail says of these products; those the catalogue does not know are left out."""


def _compose(user_id: str, name: str, offers: Sequence[Offer], personal: bool) -> Email:
    return compose(user_id, name, offers, personal=personal)


def offers_of(view: CatalogueView, product_ids: Sequence[str]) -> list[Offer]:
    """Name and price of each product as of the view's position."""
    versions = [view.version(int(row)) for row in view.catalogue.rows(product_ids)]
    return [
        Offer(product_id, version.name, version.price)
        for product_id, version in zip(product_ids, versions, strict=True)
        if version is not None
    ]


class EmailsReaction:
    """The reaction of subscription `emails`: at a run event, everything the partition planned for it."""

    def __init__(
        self,
        catalogue: Catalogue,
        directory: Directory,
        mailer: Mailer,
        *,
        compose: Composer = _compose,
        offers: Offering = offers_of,
    ) -> None:
        self._catalogue = catalogue
        self._directory = directory
        self._mailer = mailer
        self._compose = compose
        self._offers = offers

    def __call__(self, connection: sa.Connection, batch: Batch) -> None:
        self._catalogue.load(connection)
        for each in batch.events:
            if isinstance(each.event, RunEvent):
                view = self._catalogue.at(each.position)
                for rows in _chunks(connection, each.event.run, batch.partition):
                    self._mailer.deliver(connection, each.event.run, self._composed(connection, view, rows))

    def _composed(
        self, connection: sa.Connection, view: CatalogueView, rows: Sequence[sa.Row[Any]]
    ) -> list[PlannedEmail]:
        names = self._directory(connection, [row.user_id for row in rows])
        began = time.perf_counter()
        planned = [self._one(view, row, names.get(row.user_id)) for row in rows]
        each = (time.perf_counter() - began) * 1000 / len(rows)
        return [replace(plan, milliseconds=each) for plan in planned]

    def _one(self, view: CatalogueView, row: sa.Row[Any], name: str | None) -> PlannedEmail:
        if name is None:
            return PlannedEmail(user_id=row.user_id, reason="unknown_user", inputs=row.inputs)
        inputs = {**row.inputs, "profile": profile_digest(row.subscribed, name)}
        if row.reason is not None:
            return PlannedEmail(user_id=row.user_id, reason=row.reason, inputs=inputs)
        email = self._compose(row.user_id, name, self._offers(view, row.product_ids), row.personal)
        items = list(zip(row.product_ids, row.scores, strict=True))
        return PlannedEmail(user_id=row.user_id, items=items, email=email, inputs=inputs)


def _chunks(connection: sa.Connection, run: str, partition: int) -> Iterator[Sequence[sa.Row[Any]]]:
    last = ""
    while rows := connection.execute(
        _PLANNED, {"run": run, "partition": partition, "last": last, "limit": CHUNK}
    ).all():
        yield rows
        last = rows[-1].user_id


_PLANNED = sa.text("""
    SELECT user_id, reason, personal, product_ids, scores, subscribed, inputs FROM cutover.planned_emails
    WHERE run = :run AND partition = :partition AND user_id > :last
    ORDER BY user_id LIMIT :limit
""")
