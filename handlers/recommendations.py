"""Recommendations: keeps every user's list at what docs/rule.md says, and freezes the lists at a run's barrier."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from events import Batch, Event, Recorded, RunEvent
from handlers import purchases, subscribers, weekly
from handlers.catalogue import Catalogue, CatalogueView, ProductVersion
from handlers.columns import cell, column
from handlers.held_tastes import HELD_BYTES, held, whom_they_concern
from handlers.ranking import Ranked, rank
from handlers.taste import HISTORY, Histories, directions
from handlers.vectors import DIMENSIONS

Ranker = Callable[[CatalogueView, NDArray[np.float64], Sequence[NDArray[np.int64]]], list[Ranked]]

HistoriesReader = Callable[[sa.Connection, Catalogue, Iterable[str], datetime | None], Histories]

AsOf = Callable[[sa.Connection, int], int]
"""The log position whose catalogue the lists at a log position are made from. It never goes back."""


class Fold(Protocol):
    """Writes what events say of one partition's purchases; the users whose purchases changed."""

    def __call__(
        self, connection: sa.Connection, partition: int, events: Sequence[Event], *, first: bool = False
    ) -> set[str]:
        """`first`: nothing of this partition was folded before."""


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
        position = batch.after
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
        users = self._fold_purchases(connection, partition, events, first=after == 0)
        subscribers.fold(connection, partition, events)
        since, anybody = connection.execute(_STANDING, {"partition": partition}).one()
        if anybody:
            users |= self._concerned(connection, partition, after, upto)
        last = segment[-1].event
        if isinstance(last, RunEvent):
            moved = last.scheduled_at - self._history_span
            users |= purchases.users_leaving(connection, partition, since, moved)
            if since is not None and moved < since:
                users |= purchases.users_leaving(connection, partition, moved, since)
            since = moved
            connection.execute(_MOVE_HORIZON, {"partition": partition, "since": since})
        self.refresh(connection, partition, users, since, upto)

    def refresh(
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
        if gone := set(users).difference(found.users):
            connection.execute(_FORGET, {"users": column(sorted(gone))})
        _keep(connection, partition, [found.users[user] for user in with_taste], lists, tastes[with_taste])
        without = np.flatnonzero(~tastes.any(axis=1)).tolist()
        _keep(connection, partition, [found.users[user] for user in without])

    def _concerned(self, connection: sa.Connection, partition: int, after: int, upto: int) -> set[str]:
        """Users whose list can change because the catalogue did between two log positions."""
        after, upto = self._as_of(connection, after), self._as_of(connection, upto)
        rows = self._catalogue.changed(after, upto)
        if not rows:
            return set()
        new = self._catalogue.at(upto)
        versions = [(row, self._catalogue.version(row, after), new.version(row)) for row in rows]
        says_other = [new.ids[row] for row, then, now in versions if _says(then) != _says(now)]
        users = purchases.buyers(connection, partition, says_other) if says_other else set()
        matches_other = [(row, then, now) for row, then, now in versions if _matches(then) != _matches(now)]
        if matches_other:
            changed = [new.ids[row] for row, _, _ in matches_other]
            had = _vectors(then for _, then, _ in matches_other)
            have = _vectors(now for _, _, now in matches_other)
            users |= whom_they_concern(connection, partition, changed, had, have)
        return users

    def _freeze(self, connection: sa.Connection, partition: int, run: RunEvent, position: int) -> None:
        since = run.scheduled_at - self._history_span
        self._freeze_lists(connection, partition, run, self._catalogue.at(position), since)


def _says(version: ProductVersion | None) -> bytes:
    """What buying the product says about a user; nothing before it is known."""
    return version.taste.tobytes() if version else bytes(8 * DIMENSIONS)


def _matches(version: ProductVersion | None) -> bytes:
    """What the product is matched by; nothing while it is not on sale."""
    return version.match.tobytes() if version and version.active else b""


def _vectors(versions: Iterable[ProductVersion | None]) -> NDArray[np.float64]:
    """What these are matched by, (p, d), each vector once."""
    different = {_matches(version) for version in versions} - {b""}
    return np.frombuffer(b"".join(sorted(different))).reshape(-1, DIMENSIONS)


def _keep(
    connection: sa.Connection,
    partition: int,
    users: Sequence[str],
    lists: Sequence[Ranked] = (),
    tastes: NDArray[np.float64] | None = None,
) -> None:
    """Write the lists of these users; without tastes, that they have neither."""
    if not users:
        return
    parameters = {
        "partition": partition,
        "user_ids": column(users),
        "product_ids": column(cell(ranked.product_ids) for ranked in lists),
        "scores": column(cell(map(repr, ranked.scores)) for ranked in lists),
        "directions": None if tastes is None else held(tastes),
        "bytes": HELD_BYTES,
    }
    connection.execute(_KEEP, parameters)


_STANDING = sa.text("""
    SELECT (SELECT since FROM cutover.horizons WHERE partition = :partition) AS since,
           EXISTS (SELECT FROM cutover.recommendations WHERE partition = :partition) AS anybody
""")
"""From when on purchases count, and whether there is a list in the partition yet."""

_MOVE_HORIZON = sa.text("""
    INSERT INTO cutover.horizons (partition, since) VALUES (:partition, :since)
    ON CONFLICT (partition) DO UPDATE SET since = excluded.since
""")

_FORGET = sa.text("DELETE FROM cutover.recommendations WHERE user_id = ANY(string_to_array(:users, E'\\n'))")

_KEEP = sa.text("""
    INSERT INTO cutover.recommendations (user_id, partition, product_ids, scores, direction)
    SELECT user_id, :partition, string_to_array(coalesce(product_ids, ''), E'\\t'),
           CAST(string_to_array(coalesce(scores, ''), E'\\t') AS float8[]),
           substring(CAST(:directions AS bytea) FROM CAST((number - 1) * :bytes + 1 AS integer) FOR :bytes)
    FROM unnest(string_to_array(:user_ids, E'\\n'), string_to_array(:product_ids, E'\\n'),
                string_to_array(:scores, E'\\n'))
        WITH ORDINALITY AS kept (user_id, product_ids, scores, number)
    ON CONFLICT (user_id) DO UPDATE SET
        product_ids = excluded.product_ids, scores = excluded.scores, direction = excluded.direction
""")
