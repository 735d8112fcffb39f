"""What an event may say, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from events import (
    EVENT_TYPES,
    Line,
    MalformedEvent,
    NewerEvent,
    OrderId,
    OrderPlaced,
    ProductId,
    UnknownEventType,
    UserId,
    UserUnsubscribed,
    decode,
    encode,
)

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


def order(*lines: Line, at: datetime = MONDAY) -> OrderPlaced:
    return OrderPlaced(user_id=UserId("7"), order_id=OrderId("1"), occurred_at=at, lines=lines)


def test_an_event_survives_encoding() -> None:
    event = order(Line(ProductId("a"), 2))
    assert decode("OrderPlaced", 2, encode(event)) == event


def test_the_same_order_is_the_same_event_however_its_lines_were_listed() -> None:
    a, b = Line(ProductId("a"), 1), Line(ProductId("b"), 2)
    assert encode(order(a, b, a)) == encode(order(b, Line(ProductId("a"), 2)))


def test_the_same_instant_gives_the_same_id_in_every_time_zone() -> None:
    elsewhere = MONDAY.astimezone(timezone(timedelta(hours=5)))
    ids = {UserUnsubscribed(user_id=UserId("7"), occurred_at=at).event_id for at in (MONDAY, elsewhere)}
    assert ids == {"UserUnsubscribed:7@2026-11-16T09:00:00+00:00"}


def test_version_1_of_an_order_is_upcast() -> None:
    old = '{"occurred_at":"2026-11-16T09:00:00Z","user_id":"7","order_id":"1","product_ids":["b","a","b"]}'
    assert decode("OrderPlaced", 1, old) == order(Line(ProductId("a"), 1), Line(ProductId("b"), 2))


def test_an_unknown_type_is_refused_with_the_types_there_are() -> None:
    with pytest.raises(UnknownEventType, match=r"'OrderPlacd'; expected one of: OrderPlaced, "):
        decode("OrderPlacd", 1, "{}")


def test_an_event_from_newer_code_is_refused() -> None:
    with pytest.raises(NewerEvent, match="OrderPlaced version 3 is newer than this code, which knows up to version 2"):
        decode("OrderPlaced", 3, "{}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": "2"}, r"lines\[0\]\.quantity is '2': Expected `int`, got `str`"),
        ({"quantity": 0}, r"lines\[0\]\.quantity is 0: Expected `int` >= 1"),
        ({"product_id": ""}, r"lines\[0\]\.product_id is '': Expected `str` of length >= 1"),
        ({"colour": "red"}, r"lines\[0\] is .*unknown field `colour`"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_was_expected(change: dict[str, object], message: str) -> None:
    data = msgspec.json.decode(encode(order(Line(ProductId("a"), 1))))
    data["lines"][0].update(change)
    with pytest.raises(MalformedEvent, match=f"OrderPlaced: {message}"):
        decode("OrderPlaced", 2, msgspec.json.encode(data))


def test_a_wrong_field_is_refused_before_it_is_written() -> None:
    with pytest.raises(MalformedEvent, match=r"lines\[0\]\.quantity is 0"):
        encode(order(Line(ProductId("a"), 0)))


def test_event_time_needs_a_time_zone() -> None:
    with pytest.raises(
        MalformedEvent, match="occurred_at is '2026-11-16T09:00:00': Expected `datetime` with a timezone"
    ):
        encode(order(Line(ProductId("a"), 1), at=MONDAY.replace(tzinfo=None)))


def test_I10_no_event_has_a_field_for_a_name_or_an_address_of_a_person() -> None:
    personal = {"email", "first_name", "last_name", "address", "phone", "user_name"}
    fields = {(kind, field) for kind, event in EVENT_TYPES.items() for field in event.__struct_fields__}
    assert not {pair for pair in fields if pair[1] in personal}
    assert {kind for kind, field in fields if field == "name"} == {"ProductAdded", "ProductChanged", "ProductRetired"}
