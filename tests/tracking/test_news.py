"""What a webhook's body says, and what of it is left out."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handlers.tracking import BadBody, Kind, News, decode_news
from tests.tracking.mailbox import AT, RUN, body, told

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("event", "timestamp", "send_id", "sg_message_id", "email", "category", "sg_machine_open", "type", "status")


def only(*objects: dict[str, Any]) -> News:
    (news,) = decode_news(body(*objects)).news
    return news


def test_an_event_with_everything_is_read() -> None:
    news = only(told("processed", send_id="s1", sg_message_id="14c5.filter0001.16648.5515", category=[RUN, "x"]))
    assert news == News(
        kind=Kind.PROCESSED,
        occurred_at=AT,
        send_id="s1",
        message_id="14c5",
        address="somebody@example.com",
        categories=(RUN, "x"),
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_is_known_under_the_providers_name(kind: Kind) -> None:
    assert only(told(str(kind))).kind is kind


def test_only_a_bounce_of_type_bounce_is_about_the_address_for_good() -> None:
    assert only(told("bounce", type="bounce", status="5.1.1")).permanent
    assert not only(told("bounce", type="blocked", status="5.7.1")).permanent
    assert not only(told("bounce")).permanent
    assert not only(told("dropped", type="bounce")).permanent


@pytest.mark.parametrize(
    ("status", "code"), [("5.1.1", "5.1.1"), ("5.1.1 a@b.c", ""), ("", ""), (None, ""), ("5" * 21, ""), ("５", "")]
)
def test_a_bounces_code_is_digits_and_dots_or_nothing(status: str | None, code: str) -> None:
    assert only(told("bounce", status=status)).code == code


def test_opens_by_machines_are_told_apart() -> None:
    assert only(told("open", sg_machine_open=True)).machine
    assert not only(told("open", sg_machine_open=False)).machine
    assert not only(told("open")).machine


@pytest.mark.parametrize("event", ["group_resubscribe", "account_status_change", "", "delivered ", "invented"])
def test_kinds_that_are_none_of_ours_are_counted_whatever_else_they_hold(event: str) -> None:
    read = decode_news(body(told(event, timestamp="soon", email=5)))
    assert (read.news, read.ignored, read.malformed) == ([], 1, 0)


@pytest.mark.parametrize(
    "odd",
    [
        {"timestamp": "1795424400"},
        {"timestamp": 1.5},
        {"timestamp": True},
        {"timestamp": None},
        {"timestamp": AT * 1000},
        {"timestamp": 946_684_799},
        {"timestamp": 7_258_118_400},
        {"timestamp": 10**30},
        {"timestamp": 10**5000},
        {"timestamp": -(10**30)},
        {"event": None},
        {"event": {"a": 1}},
        {"event": ["delivered"]},
        {"send_id": 5},
        {"send_id": {}},
        {"category": [1]},
        {"category": {"run": 1}},
        {"email": ["a@example.com"]},
        {"sg_machine_open": "yes"},
    ],
)
def test_an_odd_object_is_counted_and_the_rest_is_read(odd: dict[str, object]) -> None:
    objects = [json.dumps(told("delivered", send_id="s1")), dumped(told("open") | odd), json.dumps(told("click"))]
    read = decode_news(f"[{','.join(objects)}]".encode())
    assert [news.kind for news in read.news] == [Kind.DELIVERED, Kind.CLICK]
    assert (read.ignored, read.malformed) == (0, 1)


def dumped(fields: dict[str, object]) -> str:
    """As JSON, also of an int too long for Python to print by itself."""
    huge = {name: value for name, value in fields.items() if value == 10**5000}
    text = json.dumps({name: value for name, value in fields.items() if name not in huge})
    return text[:-1] + "".join(f', "{name}": 1{"0" * 5000}' for name in huge) + "}"


@pytest.mark.parametrize("odd", [{}, {"event": "open"}, {"timestamp": AT}])
def test_an_object_without_event_or_time_is_counted(odd: dict[str, object]) -> None:
    assert decode_news(body(odd)).malformed == 1


def test_half_a_surrogate_pair_in_somebodys_browser_does_not_cost_the_other_events() -> None:
    text = body(told("open", send_id="s1", useragent="\ud800"), told("click", send_id="\udfff"), told("processed"))
    read = decode_news(text)
    assert [news.kind for news in read.news] == [Kind.OPEN, Kind.CLICK, Kind.PROCESSED]
    for news in read.news:
        repr(news).encode()


def test_bytes_that_are_no_text_cost_one_event_at_most() -> None:
    text = (
        b'[{"event":"open","timestamp":1795424400,"email":"\xff"},{"event":"click","timestamp":1795424400,"ua":"\xff"}]'
    )
    read = decode_news(text)
    assert ([news.kind for news in read.news], read.malformed) == ([Kind.CLICK], 1)


def test_texts_that_no_column_can_hold_are_left_out() -> None:
    news = only(told("delivered", send_id="a\x00b", sg_message_id=".filter", email="x" * 401, category=["", "\x00"]))
    assert (news.send_id, news.message_id, news.address, news.categories) == (None, None, None, ())


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b"{}",
        b'{"event":"open","timestamp":1}',
        b'"text"',
        b"[",
        b"[{}",
        b"[{}]x",
        b"[1]",
        b"[{}, null]",
        b"[[{}]]",
        b'[{"a":NaN}]',
        b"[" * 100_000,
        b"[" + b"[" * 100_000 + b"]" * 100_000 + b"]",
        b"\xff\xfe",
        b"%PDF",
        body(*[{}] * 1001),
    ],
)
def test_a_body_that_is_no_array_of_up_to_1000_objects_is_refused(bad: bytes) -> None:
    with pytest.raises(BadBody):
        decode_news(bad)


def test_an_empty_body_of_no_events_and_a_full_one_are_read() -> None:
    assert decode_news(b" [ ] ").news == []
    assert len(decode_news(body(*[told("open", send_id=str(number)) for number in range(1000)])).news) == 1000


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, json_values)), max_size=5))
@example([{"event": "open", "timestamp": AT, "send_id": "\ud800"}])
def test_every_object_is_news_or_counted_whatever_it_holds(objects: list[dict[str, Any]]) -> None:
    read = decode_news(json.dumps(objects).encode())
    assert len(read.news) + read.ignored + read.malformed == len(objects)


@given(st.binary(max_size=200))
def test_a_body_of_any_bytes_is_read_or_refused(bytes_: bytes) -> None:
    with suppress(BadBody):
        decode_news(bytes_)
