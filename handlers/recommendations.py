"""Recommendations: keeps every user's list at what docs/rule.md says, and freezes the lists at a run's barrier."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from events import Batch, Event, Recorded, RunEvent
from handlers import purchases, subscribers, weekly
from handlers.catalogue import Catalogue, CatalogueView
from handlers.ranking import LIST_LENGTH, Ranked, rank
from handlers.taste import HISTORY, Histories, directions
from handlers.vectors import DIMENSIONS

Ranker = Callable[[CatalogueView, NDArray[np.float64], Sequence[NDArray[np.int64]]], list[Ranked]]

Fold = Callable[[sa.Connection, int, Sequence[Event]], set[str]]
"""Writes what events say of one partition's purchases; the users whose purchases changed."""

HistoriesReader = Callable[[sa.Connection, Catalogue, Iterable[str], datetime | None], Histories]

AsOf = Callable[[sa.Connection, int], int]
"""The log position whose catalogue the lists at a log position are made from. It never goes back."""

MARGIN = 2e-6
"""Twice the rounding step: a product scoring that much below a user's fifth cannot enter the list."""


def at_once(_: sa.Connection, position: int) -> int:
    """Lists are made from the catalogue as of their own position."""
    return position


class RecommendationsReaction:
    """The reaction of subscription `recommendations`.

    Folds a batch up to each barrier in it, refreshes the users whose list can have changed, and at the barrier freezes
    the lists. What it leaves behind at a log position does not depend on how the log was cut into batches.
    `history_span` is how far before a run purchases still count.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        rank: Ranker = rank,
        fold: Fold = purchases.fold,
        histories: HistoriesReader = purchases.histories,
        as_of: AsOf = at_once,
        freeze: weekly.Freeze = weekly.freeze,
        history_span: timedelta = HISTORY,
    ) -> None:
        self._catalogue = catalogue
        self._rank = rank
        self._fold_purchases = fold
        self._histories = histories
        self._as_of = as_of
        self._freeze_lists = freeze
        self._history_span = history_span

    def __call__(self, connection: sa.Connection, batch: Batch) -> None:
        self._catalogue.load(connection)
        position = batch.events[0].position - 1
        segment: list[Recorded] = []
        for each in batch.events:
            segment.append(each)
            if isinstance(each.event, RunEvent):
                self._fold(connection, batch.partition, segment, position)
                self._freeze(connection, batch.partition, each.event, each.position)
                position, segment = each.position, []
        if segment:
            self._fold(connection, batch.partition, segment, position)

    def _fold(self, connection: sa.Connection, partition: int, segment: Sequence[Recorded], after: int) -> None:
        """Fold the events of a segment, which begins behind position `after`, and refresh whom they concern."""
        events: list[Event] = [each.event for each in segment]
        upto = segment[-1].position
        users = self._fold_purchases(connection, partition, events)
        subscribers.fold(connection, partition, events)
        users |= self._concerned(connection, partition, after, upto)
        since = _since(connection, partition)
        last = segment[-1].event
        if isinstance(last, RunEvent):
            moved = last.scheduled_at - self._history_span
            users |= purchases.users_leaving(connection, partition, since, moved)
            if since is not None and moved < since:
                users |= purchases.users_leaving(connection, partition, moved, since)
            since = moved
            connection.execute(_MOVE_HORIZON, {"partition": partition, "since": since})
        self._refresh(connection, partition, users, since, upto)

    def _refresh(
        self, connection: sa.Connection, partition: int, users: Iterable[str], since: datetime | None, position: int
    ) -> None:
        """Compute the lists of these users anew, from their purchases."""
        users = sorted(users)
        if not users:
            return
        view = self._catalogue.at(self._as_of(connection, position))
        found = self._histories(connection, self._catalogue, users, since)
        tastes = directions(found, view.taste)
        with_taste = np.flatnonzero(tastes.any(axis=1)).tolist()
        lists = self._rank(view, tastes[with_taste], [found.bought(user) for user in with_taste])
        ranked = dict(zip(with_taste, lists, strict=True))
        rows = [_row(user, partition, ranked.get(number), tastes[number]) for number, user in enumerate(found.users)]
        connection.execute(_FORGET, {"users": sorted(set(users) - set(found.users))})
        if rows:
            connection.execute(_KEEP, rows)

    def _concerned(self, connection: sa.Connection, partition: int, after: int, upto: int) -> set[str]:
        """Users whose list can change because the catalogue did between two log positions."""
        after, upto = self._as_of(connection, after), self._as_of(connection, upto)
        rows = self._catalogue.changed(after, upto)
        if not rows:
            return set()
        old, new = self._catalogue.at(after), self._catalogue.at(upto)
        says_other = [row for row in rows if not np.array_equal(old.taste[row], new.taste[row])]
        matches_other = [
            row
            for row in rows
            if old.active[row] != new.active[row] or not np.array_equal(old.match[row], new.match[row])
        ]
        users = purchases.buyers(connection, partition, [new.ids[row] for row in says_other]) if says_other else set()
        if matches_other:
            users |= self._listing(connection, partition, new, matches_other)
        return users

    @staticmethod
    def _listing(connection: sa.Connection, partition: int, view: CatalogueView, rows: list[int]) -> set[str]:
        """Users who have one of these products in their list, or in whose list it would now belong."""
        held = connection.execute(_HELD, {"partition": partition, "list_length": LIST_LENGTH}).all()
        if not held:
            return set()
        changed = {view.ids[row] for row in rows}
        users = {each.user_id for each in held if not changed.isdisjoint(each.product_ids)}
        arriving = [row for row in rows if view.active[row]]
        if arriving:
            tastes = np.frombuffer(b"".join(each.direction for each in held), "<f8").reshape(-1, DIMENSIONS)
            fifth = np.array([each.fifth for each in held])
            enters = (tastes @ view.match[arriving].T).max(axis=1) >= fifth - MARGIN
            users |= {held[number].user_id for number in np.flatnonzero(enters).tolist()}
        return users

    def _freeze(self, connection: sa.Connection, partition: int, run: RunEvent, position: int) -> None:
        since = run.scheduled_at - self._history_span
        self._freeze_lists(connection, partition, run, self._catalogue.at(position), since)


def _row(user: str, partition: int, ranked: Ranked | None, direction: NDArray[np.float64]) -> dict[str, object]:
    return {
        "user_id": user,
        "partition": partition,
        "product_ids": ranked.product_ids if ranked else [],
        "scores": ranked.scores if ranked else [],
        "direction": direction.astype("<f8").tobytes() if ranked else None,
    }


def _since(connection: sa.Connection, partition: int) -> datetime | None:
    statement = sa.text("SELECT since FROM cutover.horizons WHERE partition = :partition")
    since: datetime | None = connection.scalar(statement, {"partition": partition})
    return since


_MOVE_HORIZON = sa.text("""
    INSERT INTO cutover.horizons (partition, since) VALUES (:partition, :since)
    ON CONFLICT (partition) DO UPDATE SET since = excluded.since
""")

_FORGET = sa.text("DELETE FROM cutover.recommendations WHERE user_id = ANY(:users)")

_KEEP = sa.text("""
    INSERT INTO cutover.recommendations (user_id, partition, product_ids, scores, direction)
    VALUES (:user_id, :partition, :product_ids, :scores, :direction)
    ON CONFLICT (user_id) DO UPDATE SET
        product_ids = excluded.product_ids, scores = excluded.scores, direction = excluded.direction
""")

_HELD = sa.text("""
    SELECT user_id, product_ids, direction, coalesce(scores[:list_length], '-infinity') AS fifth
    FROM cutover.recommendations WHERE partition = :partition AND direction IS NOT NULL
""")
