"""Loading in bulk ends where the live shop ends, and backfill tells what the live shop told."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import sequence_all
from sandbox.shop import actions as a
from sandbox.shop.actions import Action
from sandbox.shop.backfill import backfill
from sandbox.shop.bulk import Counts, load
from sandbox.shop.errors import BrokenHistory, ProductIsRetired, ShopError
from sandbox.shop.schema import metadata
from sandbox.shop.shop import perform
from sandbox.shop.synthetic import synthetic_history

T = datetime(2026, 11, 16, 9, tzinfo=UTC)
HISTORY = tuple(synthetic_history(users=30, products=12, order_lines=150, until=T, seed=3))

USERS, PRODUCTS, ORDERS = st.sampled_from("uv"), st.sampled_from("pq"), st.sampled_from(["1", "2", "3"])
LINES = st.lists(st.tuples(PRODUCTS, st.integers(1, 3)), min_size=1, max_size=3).map(tuple)
PRICES = st.integers(0, 3)
STEPS = st.one_of(
    st.fixed_dictionaries({"order_id": ORDERS, "user_id": USERS, "lines": LINES}).map(lambda f: (a.PlaceOrder, f)),
    st.fixed_dictionaries({"order_id": ORDERS, "user_id": USERS}).map(lambda f: (a.CancelOrder, f)),
    st.fixed_dictionaries(
        {"return_id": st.sampled_from(["r", "s/1"]), "order_id": ORDERS, "user_id": USERS, "lines": LINES}
    ).map(lambda f: (a.ReturnItems, f)),
    st.fixed_dictionaries({"user_id": USERS}).map(lambda f: (a.Unsubscribe, f)),
    st.fixed_dictionaries({"user_id": USERS}).map(lambda f: (a.Resubscribe, f)),
    st.fixed_dictionaries({"product_id": PRODUCTS}).map(lambda f: (a.RetireProduct, f)),
    st.fixed_dictionaries({"product_id": PRODUCTS, "name": PRODUCTS, "price": PRICES}).map(lambda f: (a.AddProduct, f)),
    st.fixed_dictionaries({"product_id": PRODUCTS, "name": PRODUCTS, "price": PRICES}).map(
        lambda f: (a.ChangeProduct, f)
    ),
)


def opening() -> Iterator[Action]:
    for product_id in "pq":
        yield a.AddProduct(at=T, product_id=product_id, name=product_id, price=1)
    for user_id in "uv":
        yield a.RegisterUser(at=T, user_id=user_id, name=user_id, email="x@example.com")
    yield a.PlaceOrder(at=T, order_id="1", user_id="u", lines=(("p", 2), ("q", 3)))


@st.composite
def attempts(draw: st.DrawFn) -> list[Action]:
    """An opened shop, then anything at all, sense or nonsense, a second apart."""
    steps = draw(st.lists(STEPS, min_size=10, max_size=40))
    seconds = count(1)
    return [*opening(), *(kind(at=T + timedelta(seconds=next(seconds)), **fields) for kind, fields in steps)]


def tables(connection: sa.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {
        table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))]
        for table in metadata.sorted_tables
    }


def perform_what_makes_sense(connection: sa.Connection, attempted: Iterable[Action]) -> list[Action]:
    performed = []
    for action in attempted:
        try:
            with connection.begin_nested():
                perform(connection, action)
        except ShopError:
            continue
        performed.append(action)
    return performed


def told(connection: sa.Connection, after: int = 0) -> dict[str, object]:
    rows = connection.execute(sa.text("SELECT event_id, data FROM cutover.outbox WHERE id > :id"), {"id": after})
    return {row.event_id: row.data for row in rows}


def last_told(connection: sa.Connection) -> int:
    return connection.scalar(sa.text("SELECT coalesce(max(id), 0) FROM cutover.outbox")) or 0


def empty(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        names = ", ".join(table.fullname for table in metadata.sorted_tables)
        connection.execute(sa.text(f"TRUNCATE cutover.outbox, {names}"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attempted=attempts(), cut=st.floats(0, 1))
def test_loading_a_history_leaves_the_same_rows_as_performing_it(
    database: sa.Engine, attempted: list[Action], cut: float
) -> None:
    with database.connect() as connection:
        performed = perform_what_makes_sense(connection, attempted)
        expected = tables(connection)
        connection.rollback()
        half = int(len(performed) * cut)
        load(connection, performed[:half])
        load(connection, performed[half:])
        assert tables(connection) == expected
        assert told(connection) == {}
        connection.rollback()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attempted=attempts())
def test_backfill_tells_the_same_facts_as_the_live_shop_with_the_same_ids(
    database: sa.Engine, attempted: list[Action]
) -> None:
    empty(database)
    with database.begin() as connection:
        performed = perform_what_makes_sense(connection, attempted)
        live, last = told(connection), last_told(connection)
        changed = {row.product_id for row in connection.execute(sa.text("SELECT * FROM shop.products"))} & {
            action.product_id for action in performed if isinstance(action, a.ChangeProduct)
        }
    number = backfill(database, chunk=3)
    with database.connect() as connection:
        again = told(connection, after=last)
    assert number == len(again)
    assert {event_id: live[event_id] for event_id in again if event_id in live} == {
        event_id: data for event_id, data in again.items() if event_id in live
    }
    # What is new is the entry of a product whose name or price changed since it was added: a fact about the present.
    assert {event_id.partition("#")[0] for event_id in again if event_id not in live} <= {
        f"ProductAdded:{product_id}" for product_id in changed
    }
    untold = {event_id.partition(":")[0] for event_id in live if event_id not in again}
    assert untold <= {"ProductAdded", "ProductChanged", "ProductRetired", "UserUnsubscribed", "UserResubscribed"}


def test_loading_counts_the_rows_it_added(database: sa.Engine) -> None:
    steps: list[int] = []
    with database.begin() as connection:
        counts = load(connection, HISTORY, progress=steps.append)
        rows = {name: len(rows) for name, rows in tables(connection).items()}
    assert counts == Counts(**rows)
    assert counts.users == 30
    assert steps == [len(HISTORY)]


def test_loading_emits_nothing_and_rolls_back_with_its_transaction(database: sa.Engine) -> None:
    with database.connect() as connection:
        load(connection, HISTORY)
        assert told(connection) == {}
        connection.rollback()
        assert not any(tables(connection).values())


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (a.CancelOrder(at=T, order_id="9", user_id="u"), BrokenHistory, "1 of 1 cancellations concern what does not"),
        (a.Unsubscribe(at=T, user_id="w"), BrokenHistory, "1 of 1 changes of subscriptions"),
        (
            a.ReturnItems(at=T, return_id="r", order_id="9", user_id="u", lines=(("p", 1),)),
            (BrokenHistory, sa.exc.IntegrityError),
            "returns",
        ),
        (
            a.ReturnItems(at=T, return_id="r", order_id="1", user_id="u", lines=(("p", 9),)),
            sa.exc.IntegrityError,
            "order_lines",
        ),
    ],
)
def test_loading_refuses_what_does_not_follow(
    database: sa.Engine, action: Action, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message), database.begin() as connection:
        load(connection, [*opening(), action])
    with database.connect() as connection:
        assert not any(tables(connection).values())


def test_loading_refuses_to_retire_a_product_twice(database: sa.Engine) -> None:
    retire = a.RetireProduct(at=T, product_id="p")
    with pytest.raises(ProductIsRetired), database.begin() as connection:
        load(connection, [*opening(), retire, retire])


def test_backfill_twice_is_logged_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        load(connection, HISTORY)
    steps: list[int] = []
    first = backfill(database, chunk=50, progress=steps.append)
    assert steps == [*range(50, first, 50), first]
    with database.connect() as connection:
        once = told(connection)
    assert backfill(database) == first == len(once)
    with database.connect() as connection:
        assert told(connection) == once
    sequence_all(database, 8)
    with database.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM cutover.events")) == first
        assert connection.scalar(sa.text("SELECT count(*) FROM cutover.refused_events")) == 0


def test_facts_told_live_and_again_by_backfill_are_logged_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        for action in HISTORY:
            perform(connection, action)
    sequence_all(database, 8)
    backfill(database)
    sequence_all(database, 8)
    changed = {action.product_id for action in HISTORY if isinstance(action, a.ChangeProduct)}
    with database.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT type, data FROM cutover.events WHERE position > :n"), {"n": len(HISTORY)}
        )
        extra = [(row.type, row.data["product_id"]) for row in rows]
        assert connection.scalar(sa.text("SELECT count(*) FROM cutover.refused_events")) == 0
    assert set(extra) <= {("ProductAdded", product_id) for product_id in changed}


def test_backfill_shows_one_moment_while_the_shop_goes_on(database: sa.Engine) -> None:
    with database.begin() as connection:
        load(connection, HISTORY)
    orders = sum(isinstance(action, a.PlaceOrder) for action in HISTORY)

    def go_on(written: int) -> None:
        with database.begin() as connection:
            lines = (("p00001", 1),)
            perform(connection, a.PlaceOrder(at=T, order_id=f"new{written}", user_id="u0000001", lines=lines))

    backfill(database, chunk=10, progress=go_on)
    with database.connect() as connection:
        ids = connection.scalars(sa.text("SELECT event_id FROM cutover.outbox WHERE type = 'OrderPlaced'")).all()
    new = [event_id for event_id in ids if event_id.startswith("OrderPlaced:new")]
    assert len(new) > 3
    assert len(ids) - len(new) == orders
    assert len(set(ids)) == len(ids)


def test_backfill_adds_a_retired_product_before_it_retires_it(database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO shop.products VALUES ('new', 'N', 1, :t, null, 4), ('off', 'O', 2, :t, :t, 4), "
                "('foreign', 'F', 3, :t, :t, 1)"
            ),
            {"t": T},
        )
    backfill(database)
    with database.connect() as connection:
        ids = connection.scalars(sa.text("SELECT event_id FROM cutover.outbox ORDER BY id")).all()
    assert ids == ["ProductRetired:foreign#1", "ProductAdded:new#4", "ProductAdded:off#3", "ProductRetired:off#4"]


def test_backfill_of_an_empty_shop_tells_nothing(database: sa.Engine) -> None:
    with database.connect() as connection:
        assert backfill(connection) == 0
