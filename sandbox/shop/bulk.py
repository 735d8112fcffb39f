"""Bulk loading: the tables as they are after a whole history, by COPY, without telling the log (backfill does)."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from runtime.database import copy_rows
from sandbox.shop import actions
from sandbox.shop.actions import Action
from sandbox.shop.catalogue_state import CatalogueState
from sandbox.shop.errors import BrokenHistory
from sandbox.shop.orders import pieces_of
from sandbox.shop.transaction import utc

ROWS_AT_ONCE = 50_000
ORDERS_AT_ONCE = 10_000


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows a history added to each table."""

    users: int
    products: int
    orders: int
    order_lines: int
    returns: int


def load(
    connection: sa.Connection, history: Iterable[Action], *, progress: Callable[[int], None] | None = None
) -> Counts:
    """Bring the tables to their state after `history`, in the caller's transaction, and emit nothing.

    What is in the tables already is where the history begins. `progress` is called now and then with the number of
    actions taken so far. Raises ShopError for an action on something that does not exist; the other refusals of the
    live shop are left to the tables' own constraints: load what was performed once, or what an importer checked.
    """
    loading = Loading(connection)
    taken = 0
    for taken, action in enumerate(history, 1):
        loading.take(action)
        if taken % ORDERS_AT_ONCE == 0:
            loading.copy_when_many()
            if progress:
                progress(taken)
    if progress:
        progress(taken)
    return loading.finish()


class Loading:
    """A history on its way into the tables. New rows are copied as they come; what changes them waits for the end."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.catalogue = CatalogueState(connection)
        self.rows: dict[str, list[tuple[object, ...]]] = {table: [] for table in COLUMNS}
        self.copied: Counter[str] = Counter()
        self.subscriptions: dict[str, datetime | None] = {}
        self.cancelled: dict[str, datetime] = {}
        self.returned: Counter[tuple[str, str]] = Counter()

    def take(self, action: Action) -> None:
        """Note what `action` does to the tables."""
        match action:
            case actions.PlaceOrder():
                self._place(action)
            case actions.ReturnItems():
                self._take_back(action)
            case actions.CancelOrder():
                self.cancelled[action.order_id] = utc(action.at)
            case actions.RegisterUser():
                self.rows["users"].append((action.user_id, action.name, action.email, utc(action.at)))
            case actions.Unsubscribe():
                self.subscriptions[action.user_id] = utc(action.at)
            case actions.Resubscribe():
                self.subscriptions[action.user_id] = None
            case _:
                self.catalogue.take(action)

    def copy_when_many(self) -> None:
        """Copy what waits, if it is worth a round trip."""
        if sum(map(len, self.rows.values())) >= ROWS_AT_ONCE:
            self._copy()

    def finish(self) -> Counts:
        """Write everything that is still to be written."""
        self._copy()
        new_products = self.catalogue.save()
        _update(self.connection, UNSUBSCRIBE, "changes of subscriptions", self.subscriptions)
        _update(self.connection, CANCEL, "cancellations", self.cancelled)
        _update(self.connection, TAKE_BACK, "returns", self.returned)
        self.connection.execute(ANALYZE)
        return Counts(products=new_products, **{table: self.copied[table] for table in COLUMNS})

    def _place(self, action: actions.PlaceOrder) -> None:
        self.rows["orders"].append((action.order_id, action.user_id, utc(action.at)))
        pieces = pieces_of(action.lines, "order", action.order_id)
        self.rows["order_lines"].extend((action.order_id, *line) for line in pieces.items())

    def _take_back(self, action: actions.ReturnItems) -> None:
        at = utc(action.at)
        for product_id, quantity in pieces_of(action.lines, "return", action.return_id).items():
            self.rows["returns"].append((action.return_id, action.order_id, product_id, quantity, at))
            self.returned[action.order_id, product_id] += quantity

    def _copy(self) -> None:
        for table, rows in self.rows.items():
            self.copied[table] += copy_rows(self.connection, f"shop.{table}", COLUMNS[table], rows)
            rows.clear()


COLUMNS = {
    "users": ("user_id", "name", "email", "registered_at"),
    "orders": ("order_id", "user_id", "placed_at"),
    "order_lines": ("order_id", "product_id", "quantity"),
    "returns": ("return_id", "order_id", "product_id", "quantity", "returned_at"),
}
"""In the order in which rows refer to each other."""

UNSUBSCRIBE = sa.text("""
    UPDATE shop.users SET unsubscribed_at = change.at
    FROM unnest(CAST(:keys AS text[]), CAST(:values AS timestamptz[])) AS change (user_id, at)
    WHERE users.user_id = change.user_id
""")
CANCEL = sa.text("""
    UPDATE shop.orders SET cancelled_at = change.at
    FROM unnest(CAST(:keys AS text[]), CAST(:values AS timestamptz[])) AS change (order_id, at)
    WHERE orders.order_id = change.order_id AND cancelled_at IS NULL
""")
TAKE_BACK = sa.text("""
    UPDATE shop.order_lines SET returned = returned + change.pieces
    FROM unnest(CAST(:keys AS text[]), CAST(:more_keys AS text[]), CAST(:values AS integer[]))
        AS change (order_id, product_id, pieces)
    WHERE order_lines.order_id = change.order_id AND order_lines.product_id = change.product_id
""")
ANALYZE = sa.text("ANALYZE shop.users, shop.products, shop.orders, shop.order_lines, shop.returns")


def _update(connection: sa.Connection, statement: sa.TextClause, what: str, changes: Mapping[Any, object]) -> None:
    if not changes:
        return
    keys = [key if isinstance(key, tuple) else (key,) for key in changes]
    columns = dict(zip(("keys", "more_keys"), map(list, zip(*keys, strict=True)), strict=False))
    updated = connection.execute(statement, {**columns, "values": list(changes.values())}).rowcount
    if updated != len(changes):
        raise BrokenHistory(missing=len(changes) - updated, expected=len(changes), what=what)
