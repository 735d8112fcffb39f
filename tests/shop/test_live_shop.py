"""What the live shop does, tells the log, and refuses."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from events import BadEvent
from sandbox.shop import errors
from sandbox.shop.actions import (
    Action,
    AddProduct,
    CancelOrder,
    ChangeProduct,
    PlaceOrder,
    RegisterUser,
    Resubscribe,
    RetireProduct,
    ReturnItems,
    Unsubscribe,
)
from sandbox.shop.orders import place_order
from sandbox.shop.schema import create_tables, metadata
from sandbox.shop.shop import perform

T = datetime(2026, 11, 16, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)

OPENING: tuple[Action, ...] = (
    AddProduct(at=T, product_id="mug", name="Red Mug", price=450),
    AddProduct(at=T, product_id="hat", name="Felt Hat", price=1200),
    AddProduct(at=T, product_id="old", name="Old Lamp", price=900),
    RetireProduct(at=T, product_id="old"),
    RegisterUser(at=T, user_id="ann", name="Ann", email="ann@example.com"),
    RegisterUser(at=T, user_id="bob", name="Bob", email="bob@example.com"),
    PlaceOrder(at=T + HOUR, order_id="o1", user_id="ann", lines=(("mug", 2), ("hat", 1), ("mug", 1))),
)


@pytest.fixture
def shop(database: sa.Engine) -> sa.Engine:
    with database.begin() as connection:
        for action in OPENING:
            perform(connection, action)
    return database


def outbox(engine: sa.Engine) -> list[tuple[str, dict[str, object]]]:
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT event_id, data FROM cutover.outbox ORDER BY id"))
        return [(row.event_id, row.data) for row in rows]


def test_each_action_is_told_to_the_log_as_one_event(shop: sa.Engine) -> None:
    with shop.begin() as connection:
        perform(
            connection, ReturnItems(at=T + 2 * HOUR, return_id="r1", order_id="o1", user_id="ann", lines=(("hat", 1),))
        )
        perform(connection, CancelOrder(at=T + 3 * HOUR, order_id="o1", user_id="ann"))
        perform(connection, Unsubscribe(at=T, user_id="bob"))
        perform(connection, Resubscribe(at=T + HOUR, user_id="bob"))
        perform(connection, ChangeProduct(at=T, product_id="mug", name="Big Mug", price=500))
        perform(connection, AddProduct(at=T + HOUR, product_id="old", name="Old Lamp", price=800))
    assert [event_id for event_id, _ in outbox(shop)] == [
        "ProductAdded:mug#1",
        "ProductAdded:hat#1",
        "ProductAdded:old#1",
        "ProductRetired:old#2",
        "UserRegistered:ann",
        "UserRegistered:bob",
        "OrderPlaced:o1",
        "ItemsReturned:r1/o1",
        "OrderCancelled:o1",
        "UserUnsubscribed:bob@2026-11-16T09:00:00+00:00",
        "UserResubscribed:bob@2026-11-16T10:00:00+00:00",
        "ProductChanged:mug#2",
        "ProductAdded:old#3",
    ]


def test_lines_for_the_same_product_are_added_up(shop: sa.Engine) -> None:
    with shop.connect() as connection:
        lines = connection.execute(sa.text("SELECT product_id, quantity, returned FROM shop.order_lines ORDER BY 1"))
        assert [tuple(line) for line in lines] == [("hat", 1, 0), ("mug", 3, 0)]
    (data,) = [data for event_id, data in outbox(shop) if event_id == "OrderPlaced:o1"]
    assert data["lines"] == [{"product_id": "hat", "quantity": 1}, {"product_id": "mug", "quantity": 3}]


def test_neither_names_nor_addresses_reach_the_log(shop: sa.Engine) -> None:
    told = [data for event_id, data in outbox(shop) if event_id == "UserRegistered:ann"]
    assert told == [{"user_id": "ann", "occurred_at": "2026-11-16T09:00:00Z"}]


def test_a_rollback_leaves_neither_rows_nor_events(shop: sa.Engine) -> None:
    before = outbox(shop)
    with shop.connect() as connection:
        perform(connection, PlaceOrder(at=T, order_id="o2", user_id="bob", lines=(("mug", 1),)))
        assert len(connection.execute(sa.text("SELECT FROM cutover.outbox")).all()) == len(before) + 1
        connection.rollback()
        assert connection.scalar(sa.text("SELECT count(*) FROM shop.orders")) == 1
    assert outbox(shop) == before


def test_a_commit_of_an_orm_session_keeps_both(shop: sa.Engine) -> None:
    with Session(shop) as session, session.begin():
        place_order(session, "o2", "bob", (("mug", 1),), T)
    with shop.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM shop.orders")) == 2
    assert outbox(shop)[-1][0] == "OrderPlaced:o2"


def test_a_change_of_subscription_is_told_in_utc_wherever_it_was_made(shop: sa.Engine) -> None:
    with shop.begin() as connection:
        perform(connection, Unsubscribe(at=(T + HOUR).astimezone(timezone(timedelta(hours=5))), user_id="ann"))
    assert outbox(shop)[-1][0] == "UserUnsubscribed:ann@2026-11-16T10:00:00+00:00"


def test_a_product_sold_again_is_new_again_but_keeps_counting_its_revisions(shop: sa.Engine) -> None:
    with shop.begin() as connection:
        perform(connection, AddProduct(at=T + HOUR, product_id="old", name="Older Lamp", price=800))
        row = connection.execute(sa.text("SELECT * FROM shop.products WHERE product_id = 'old'")).one()
    assert tuple(row) == ("old", "Older Lamp", 800, T + HOUR, None, 3)


def order(order_id: str = "o9", user_id: str = "ann", lines: tuple[tuple[str, int], ...] = (("mug", 1),)) -> Action:
    return PlaceOrder(at=T + 2 * HOUR, order_id=order_id, user_id=user_id, lines=lines)


def giving_back(
    lines: tuple[tuple[str, int], ...], order_id: str = "o1", user_id: str = "ann", at: datetime = T + 2 * HOUR
) -> Action:
    return ReturnItems(at=at, return_id="r9", order_id=order_id, user_id=user_id, lines=lines)


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (order(user_id="eve"), errors.UnknownUser, "user_id is 'eve'; expected a registered user"),
        (order(lines=()), errors.NoLines, "lines of order 'o9' is empty; expected at least one product"),
        (order(lines=(("mug", 0),)), errors.BadQuantity, "quantity of product 'mug' is 0; expected a whole number"),
        (order(lines=(("mug", -2),)), errors.BadQuantity, "quantity of product 'mug' is -2"),
        (order(lines=(("cup", 1),)), errors.UnknownProduct, "product_id is 'cup'; expected a product of the catalogue"),
        (order(lines=(("old", 1),)), errors.ProductIsRetired, "product_id is 'old', which was retired at 2026-11-16"),
        (order(order_id="o1"), errors.OrderExists, "order_id is 'o1', which was placed already; expected a new order"),
        (CancelOrder(at=T + HOUR, order_id="o7", user_id="ann"), errors.UnknownOrder, "order_id is 'o7'"),
        (
            CancelOrder(at=T + HOUR, order_id="o1", user_id="bob"),
            errors.UnknownOrder,
            "expected an order of user 'bob'",
        ),
        (CancelOrder(at=T, order_id="o1", user_id="ann"), errors.TooEarly, "would come before placing order 'o1' at"),
        (giving_back((("mug", 4),)), errors.TooManyReturned, "'mug' is 4; expected at most the 3 left of order 'o1'"),
        (giving_back((("old", 1),)), errors.NotBought, "order 'o1' has no product 'old'.*expected one of: hat, mug"),
        (giving_back((("mug", 0),)), errors.BadQuantity, "quantity of product 'mug' is 0"),
        (giving_back(()), errors.NoLines, "lines of return 'r9' is empty"),
        (giving_back((("mug", 1),), user_id="bob"), errors.UnknownOrder, "expected an order of user 'bob'"),
        (giving_back((("mug", 1),), at=T), errors.TooEarly, "return 'r9' at 2026-11-16 09:00:00"),
        (RegisterUser(at=T, user_id="ann", name="A", email="a@example.com"), errors.UserExists, "user_id is 'ann'"),
        (Unsubscribe(at=T, user_id="eve"), errors.UnknownUser, "user_id is 'eve'"),
        (Unsubscribe(at=T - HOUR, user_id="ann"), errors.TooEarly, "before user 'ann' registering"),
        (Resubscribe(at=T, user_id="ann"), errors.IsSubscribed, "user_id is 'ann', who is subscribed already"),
        (AddProduct(at=T, product_id="mug", name="M", price=1), errors.ProductIsActive, "product_id is 'mug'"),
        (AddProduct(at=T, product_id="cup", name="C", price=-1), errors.BadPrice, "price of product 'cup' is -1"),
        (ChangeProduct(at=T, product_id="cup", name="C", price=1), errors.UnknownProduct, "product_id is 'cup'"),
        (ChangeProduct(at=T, product_id="old", name="O", price=1), errors.ProductIsRetired, "product_id is 'old'"),
        (RetireProduct(at=T, product_id="old"), errors.ProductIsRetired, "product_id is 'old'"),
        (RetireProduct(at=T, product_id="cup"), errors.UnknownProduct, "product_id is 'cup'"),
        (Unsubscribe(at=T.replace(tzinfo=None), user_id="ann"), errors.NaiveTime, "which has no time zone"),
    ],
)
def test_nonsense_is_refused_and_named(
    shop: sa.Engine, action: Action, error: type[errors.ShopError], message: str
) -> None:
    before = outbox(shop)
    with pytest.raises(error, match=message), shop.begin() as connection:
        perform(connection, action)
    assert outbox(shop) == before


def test_nothing_is_cancelled_returned_or_unsubscribed_twice(shop: sa.Engine) -> None:
    cancel = CancelOrder(at=T + HOUR, order_id="o1", user_id="ann")
    take_back = giving_back((("mug", 1),))
    leave = Unsubscribe(at=T, user_id="ann")
    with shop.begin() as connection:
        for action, error in (
            (take_back, errors.ReturnExists),
            (leave, errors.NotSubscribed),
            (cancel, errors.OrderIsCancelled),
        ):
            perform(connection, action)
            with pytest.raises(error):
                perform(connection, action)
        with pytest.raises(errors.OrderIsCancelled):
            perform(connection, take_back)


def test_more_than_was_bought_does_not_come_back_in_several_returns_either(shop: sa.Engine) -> None:
    with shop.begin() as connection:
        for number, lines in enumerate(((("mug", 2),), (("mug", 1),))):
            perform(
                connection, ReturnItems(at=T + HOUR, return_id=f"r{number}", order_id="o1", user_id="ann", lines=lines)
            )
        with pytest.raises(errors.TooManyReturned, match="expected at most the 0 left"):
            perform(connection, giving_back((("mug", 1),)))


def test_what_the_log_cannot_hold_the_shop_does_not_keep(shop: sa.Engine) -> None:
    with pytest.raises(BadEvent, match="order_id"), shop.begin() as connection:
        perform(connection, order(order_id="x" * 201))
    with shop.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM shop.orders")) == 1


def test_creating_the_tables_again_changes_nothing(shop: sa.Engine) -> None:
    with shop.begin() as connection:
        create_tables(connection)
        for table in metadata.sorted_tables:
            connection.execute(sa.select(table))
        assert connection.scalar(sa.text("SELECT count(*) FROM shop.users")) == 2
