"""The catalogue as of any log position: versions in the database, and in each process a faiss index over them."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from events import Batch, ProductEvent, ProductRetired
from handlers import schema
from handlers.vectors import DIMENSIONS, from_name

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


def record_versions(connection: sa.Connection, batch: Batch) -> None:
    """The reaction of subscription `catalogue`: one version for every revision newer than the newest known."""
    told = [(each.position, each.event) for each in batch.events if isinstance(each.event, ProductEvent)]
    newest = _newest_revisions(connection, {event.product_id for _, event in told})
    rows = []
    for position, event in told:
        if event.revision <= newest.get(event.product_id, 0):
            continue
        newest[event.product_id] = event.revision
        rows.append(_version(position, event))
    if rows:
        connection.execute(sa.insert(schema.product_versions), rows)


def _newest_revisions(connection: sa.Connection, product_ids: set[str]) -> dict[str, int]:
    statement = sa.text("""
        SELECT product_id, max(revision) FROM cutover.product_versions
        WHERE product_id = ANY(:product_ids) GROUP BY product_id
    """)
    return {row[0]: row[1] for row in connection.execute(statement, {"product_ids": list(product_ids)})}


def _version(position: int, event: ProductEvent) -> dict[str, object]:
    vectors = from_name(event.name)
    return {
        "position": position,
        "product_id": event.product_id,
        "revision": event.revision,
        "name": event.name,
        "price": event.price,
        "active": not isinstance(event, ProductRetired),
        "taste": vectors.taste.astype("<f8").tobytes(),
        "match": vectors.match.astype("<f8").tobytes(),
    }


@dataclass(frozen=True, slots=True)
class ProductVersion:
    """What the catalogue says of a product from a log position on."""

    position: int
    row: int
    name: str
    price: int
    active: bool
    taste: Floats
    match: Floats


def search_alone() -> None:
    """Let a process search with one thread: there is a process for each core, and threads would only get in its way.

    One thread is faster with a matrix product for as few as 4 users; faiss takes it from 1,000 on, as suits many.
    """
    faiss.omp_set_num_threads(1)
    faiss.cvar.distance_compute_blas_threshold = 4 * DIMENSIONS


class Catalogue:
    """All versions of all products, and a faiss index over the newest match vectors.

    One per process. The subscription it serves runs after `catalogue`, so that the database holds every version up to
    the position asked for, and perhaps later ones, which a view leaves out. A view is good until the next `load`.
    Versions never change, but all may be told anew: a rebuild empties their table, and what was loaded is forgotten.
    """

    def __init__(self) -> None:
        self._loaded = 0
        self._file: int | None = None
        self._row_of: dict[str, int] = {}
        self._ids: list[str] = []
        self._of_row: list[list[ProductVersion]] = []
        self._positions: list[int] = []
        self._changes: list[ProductVersion] = []
        self._taste = np.zeros((0, DIMENSIONS))
        self._match = np.zeros((0, DIMENSIONS))
        self._active = np.zeros(0, dtype=bool)
        self._places = np.zeros(0, dtype=np.int64)
        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(DIMENSIONS))

    def at(self, position: int) -> "CatalogueView":
        """The catalogue as of this log position, which must have been loaded."""
        changes = self._changes[bisect_right(self._positions, position) :]
        later = {row for row in {change.row for change in changes} if self._differs(row, position)}
        if not later:
            return self._view(self._taste, self._match, self._active, np.zeros(0, dtype=np.int64), position)
        taste, match, active = self._taste.copy(), self._match.copy(), self._active.copy()
        for row in later:
            version = self.version(row, position)
            taste[row] = version.taste if version else 0.0
            match[row] = version.match if version else 0.0
            active[row] = version is not None and version.active
        return self._view(taste, match, active, np.array(sorted(later), dtype=np.int64), position)

    def _differs(self, row: int, position: int) -> bool:
        """Whether the newest version of a row says anything else for ranking than the one at this position."""
        then = self.version(row, position)
        return (
            then is None
            or then.active != self._active[row]
            or not np.array_equal(then.match, self._match[row])
            or not np.array_equal(then.taste, self._taste[row])
        )

    def version(self, row: int, position: int) -> ProductVersion | None:
        """What stood in this row at this log position; None before the product was known."""
        versions = self._of_row[row]
        count = bisect_right(versions, position, key=lambda version: version.position)
        return versions[count - 1] if count else None

    def rows(self, product_ids: Sequence[str]) -> Rows:
        """The rows of these products, -1 for those never heard of."""
        return np.array([self._row_of.get(product_id, -1) for product_id in product_ids], dtype=np.int64)

    def changed(self, after: int, upto: int) -> list[int]:
        """Rows with a new version at a position in (after, upto]."""
        first, last = bisect_right(self._positions, after), bisect_right(self._positions, upto)
        return sorted({change.row for change in self._changes[first:last]})

    def _view(
        self, taste: Floats, match: Floats, active: NDArray[np.bool_], overridden: Rows, position: int
    ) -> "CatalogueView":
        return CatalogueView(
            catalogue=self,
            ids=self._ids,
            places=self._places,
            taste=taste,
            match=match,
            active=active,
            overridden=overridden,
            position=position,
            index=self._index,
        )

    def load(self, connection: sa.Connection) -> None:
        """Read the versions that were recorded since the last time. Interrupted, it begins anew the next time."""
        try:
            self._load(connection)
        except BaseException:
            Catalogue.__init__(self)
            raise

    def _load(self, connection: sa.Connection) -> None:
        rows = connection.execute(_NEWER, {"position": self._loaded}).all()
        if self._loaded and rows[0].file != self._file:
            Catalogue.__init__(self)
            rows = connection.execute(_NEWER, {"position": self._loaded}).all()
        self._file = rows[0].file
        if rows[0].position is None:
            return
        changed: set[int] = set()
        for found in rows:
            row = self._row(found.product_id)
            taste, match = np.frombuffer(found.taste, "<f8"), np.frombuffer(found.match, "<f8")
            version = ProductVersion(found.position, row, found.name, found.price, found.active, taste, match)
            self._of_row[row].append(version)
            self._positions.append(version.position)
            self._changes.append(version)
            changed.add(row)
        self._loaded = rows[-1].position
        self._refresh(np.array(sorted(changed), dtype=np.int64))

    def _row(self, product_id: str) -> int:
        row = self._row_of.setdefault(product_id, len(self._ids))
        if row == len(self._ids):
            self._ids.append(product_id)
            self._of_row.append([])
        return row

    def _refresh(self, changed: Rows) -> None:
        """Bring the newest vectors and the index up to date for the changed rows."""
        grow = len(self._ids) - len(self._active)
        self._taste = np.vstack([self._taste, np.zeros((grow, DIMENSIONS))])
        self._match = np.vstack([self._match, np.zeros((grow, DIMENSIONS))])
        self._active = np.append(self._active, np.zeros(grow, dtype=bool))
        if grow:
            self._places = np.argsort(sorted(range(len(self._ids)), key=self._ids.__getitem__))
        self._index.remove_ids(faiss.IDSelectorBatch(changed[self._active[changed]]))
        for row in changed:
            newest = self._of_row[row][-1]
            self._taste[row], self._match[row], self._active[row] = newest.taste, newest.match, newest.active
        added = changed[self._active[changed]]
        if len(added):
            self._index.add_with_ids(self._match[added].astype(np.float32), added)


@dataclass(frozen=True, kw_only=True)
class CatalogueView:
    """The catalogue as of one log position, by catalogue row.

    `places` (p,) says where each row comes when rows are sorted by product id. `taste`, `match` (p, d), `active` (p,)
    are as of that position. The index is newer: it knows the rows in `overridden` by a later version, so their entries
    are ignored and the rows themselves always join the shortlist.
    """

    catalogue: Catalogue
    ids: Sequence[str]
    places: Rows
    taste: Floats
    match: Floats
    active: NDArray[np.bool_]
    overridden: Rows
    position: int
    index: faiss.IndexIDMap2

    @property
    def indexed(self) -> int:
        """How many products the index holds: a shortlist of that size leaves nothing out."""
        return int(self.index.ntotal)

    def version(self, row: int) -> ProductVersion | None:
        """What the catalogue says of this row."""
        return self.catalogue.version(row, self.position)

    def shortlist(self, directions: Floats, size: int) -> tuple[Rows, Floats]:
        """For each of `directions` (u, d) the rows worth scoring and what they score in single precision, both (u, k).

        First come `size` rows of the index, best first: whatever it leaves out scores no more than the last of them.
        Then those in `overridden`. -1 stands for no row; rows may be inactive.
        """
        single = np.ascontiguousarray(directions, dtype=np.float32)
        found, about = np.zeros((len(directions), 0), dtype=np.int64), np.zeros((len(directions), 0), dtype=np.float32)
        if size:
            about, found = self.index.search(single, size)
        if len(self.overridden):
            found = np.where(np.isin(found, self.overridden), -1, found)
            found = np.hstack([found, np.broadcast_to(self.overridden, (len(found), len(self.overridden)))])
            about = np.hstack([about, single @ self.match[self.overridden].astype(np.float32).T])
        return found, about.astype(np.float64)


_NEWER = sa.text("""
    SELECT file, position, product_id, name, price, active, taste, match
    FROM pg_relation_filenode('cutover.product_versions') AS file
    LEFT JOIN cutover.product_versions ON position > :position
    ORDER BY position
""")
"""At least one row. A table that is emptied at once (TRUNCATE) lies in another file from then on."""
