"""Purchases: what is copied is what folding event by event leaves."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations

import pytest
import sqlalchemy as sa

from events import Event, ItemsReturned, Line, OrderCancelled, OrderId, OrderPlaced, ProductId, UserId
from handlers import purchases

AT = datetime(2026, 1, 5, 9, 30, 0, 123456, tzinfo=UTC)
ODD = ("back\\slash", "\\N", "\\", "quo'te", 'quo"te', "söme, {thing}", "NULL")


def placed(user: str, order: str, *lines: tuple[str, int]) -> Event:
    return OrderPlaced(
        user_id=UserId(user),
        order_id=OrderId(order),
        lines=tuple(Line(ProductId(product), quantity) for product, quantity in lines),
        occurred_at=AT,
    )


EVENTS: Sequence[Event] = [
    *(placed(odd, f"order {odd}", (odd, 2), (f"{odd} too", 10**9)) for odd in ODD),
    placed("u", "o1", ("p1", 1), ("p2", 3)),
    placed("u", "o2", ("p1", 1)),
    OrderCancelled(user_id=UserId("u"), order_id=OrderId("o2"), occurred_at=AT),
    OrderCancelled(user_id=UserId("u"), order_id=OrderId("o3"), occurred_at=AT),
    ItemsReturned(
        user_id=UserId("u"), return_id="r", order_id=OrderId("o1"), lines=(Line(ProductId("p2"), 2),), occurred_at=AT
    ),
]


def returned(*lines: tuple[str, int]) -> Event:
    return ItemsReturned(
        user_id=UserId("u"),
        return_id="r2",
        order_id=OrderId("o1"),
        lines=tuple(Line(ProductId(product), quantity) for product, quantity in lines),
        occurred_at=AT,
    )


def held_after(
    database: sa.Engine, *batches: Sequence[Event], first: bool = False
) -> list[sa.Row[*tuple[object, ...]]]:
    with database.begin() as connection:
        connection.execute(sa.text("TRUNCATE cutover.purchases, cutover.cancelled_orders"))
        for number, batch in enumerate(batches):
            purchases.fold(connection, 5, batch, first=first and number == 0)
        return list(
            connection.execute(sa.text("SELECT * FROM cutover.purchases ORDER BY user_id, order_id, product_id"))
        )


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single order is enough for copying."""
    monkeypatch.setattr(purchases, "MANY", 1)


@pytest.fixture
def one_by_one(database: sa.Engine) -> list[sa.Row[*tuple[object, ...]]]:
    return held_after(database, *([event] for event in EVENTS))


@pytest.mark.usefixtures("copied")
def test_what_is_copied_at_first_is_what_folding_leaves(
    database: sa.Engine, one_by_one: list[sa.Row[*tuple[object, ...]]]
) -> None:
    assert len(one_by_one) == 2 * len(ODD) + 3
    assert held_after(database, EVENTS, first=True) == one_by_one


@pytest.mark.usefixtures("copied")
def test_what_is_copied_later_meets_what_was_copied(
    database: sa.Engine, one_by_one: list[sa.Row[*tuple[object, ...]]]
) -> None:
    for cut in (1, len(ODD) + 1, len(EVENTS) - 1):
        assert held_after(database, EVENTS[:cut], EVENTS[cut:], first=True) == one_by_one


@pytest.mark.usefixtures("copied")
def test_what_was_told_before_its_order_is_met_by_what_is_copied(database: sa.Engine) -> None:
    """A return of one of two products, a cancellation of an order told later, in whatever order and however cut."""
    both, other = placed("u", "o1", ("p1", 1), ("p2", 3)), placed("u", "o2", ("p1", 1))
    cancelled = OrderCancelled(user_id=UserId("u"), order_id=OrderId("o2"), occurred_at=AT)
    told = (both, other, returned(("p2", 2)), cancelled)
    expected = held_after(database, told, first=True)
    for order in permutations(told):
        for cut in range(1, len(order)):
            assert held_after(database, order[:cut], order[cut:]) == expected
