"""Whatever version of an event the log holds, it is read as the event of today, or refused for what it is."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import (
    EVENT_TYPES,
    BadEvent,
    Event,
    Line,
    NewerEvent,
    OrderId,
    OrderPlaced,
    ProductId,
    StageChanged,
    UserId,
    WeekStarted,
    decode,
    encode,
)
from events.codec import Codec
from events.errors import UpcastMissing
from events.stage_events import Stage
from events.vocabulary import UPCASTS, Upcast

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)

names = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20)
moments = st.integers(0, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
stages: st.SearchStrategy[Stage] = st.sampled_from(["legacy", "shadow", "canary", "event_driven", "retired"])

Fields = dict[str, Any]
Told = tuple[int, Fields, Event]
"""A version, the fields as code of that time wrote them, and the event they are today."""


def fields_of(event: Event) -> Fields:
    fields: Fields = msgspec.json.decode(encode(event))
    return fields


@st.composite
def orders(draw: st.DrawFn) -> Told:
    """Version 1 listed products, one a piece, in any order."""
    products = draw(st.lists(names, min_size=1, max_size=6))
    lines = tuple(Line(ProductId(product)) for product in products)
    today = OrderPlaced(
        user_id=UserId(draw(names)), order_id=OrderId(draw(names)), occurred_at=draw(moments), lines=lines
    )
    fields = {name: value for name, value in fields_of(today).items() if name != "lines"}
    return 1, {**fields, "product_ids": products}, today


@st.composite
def weeks(draw: st.DrawFn) -> Told:
    """In version 1 nothing was sent."""
    today = WeekStarted(run="2026-W47", scheduled_at=draw(moments), occurred_at=draw(moments))
    written_then = ("run", "scheduled_at", "occurred_at")
    return 1, {name: value for name, value in fields_of(today).items() if name in written_then}, today


@st.composite
def changes(draw: st.DrawFn) -> Told:
    """In version 1 a change of the stage rested on nothing."""
    today = StageChanged(
        stage=draw(stages), percent=draw(st.floats(0, 100)), by=draw(names), why=draw(names), occurred_at=draw(moments)
    )
    fields = {name: value for name, value in fields_of(today).items() if name not in ("report", "sign_offs")}
    return 1, fields, today


OLDER: Mapping[tuple[str, int], st.SearchStrategy[Told]] = {
    ("OrderPlaced", 1): orders(),
    ("WeekStarted", 1): weeks(),
    ("StageChanged", 1): changes(),
}
EVERY_OLDER = {(name, version) for name, kind in EVENT_TYPES.items() for version in range(1, kind.version)}

older = st.sampled_from(sorted(OLDER)).flatmap(lambda which: OLDER[which])


def test_every_older_version_there_is_has_its_examples_here_and_nothing_else_is_upcast() -> None:
    assert set(OLDER) == EVERY_OLDER == set(UPCASTS)


@given(older)
def test_any_older_version_is_read_as_the_event_of_today(told: Told) -> None:
    version, fields, today = told
    found = decode(today.type, version, msgspec.json.encode(fields))
    assert (found, found.event_id, encode(found)) == (today, today.event_id, encode(today))


@given(older)
def test_upcasting_leaves_what_it_is_given_as_it_is(told: Told) -> None:
    version, fields, today = told
    before = copy.deepcopy(fields)
    assert UPCASTS[today.type, version](fields) == UPCASTS[today.type, version](fields)
    assert fields == before


@given(st.sampled_from(sorted(EVENT_TYPES)), st.integers(1, 1000), st.binary(max_size=20))
def test_a_version_of_the_future_is_refused_whatever_it_says(type_: str, later: int, data: bytes) -> None:
    known = EVENT_TYPES[type_].version
    with pytest.raises(NewerEvent, match=f"{type_} version {known + later} is newer .* knows up to version {known};"):
        decode(type_, known + later, data)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["product_ids", "run", "x"]), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(EVENT_TYPES)), st.integers(-2, 2), json.map(msgspec.json.encode) | st.binary(max_size=20))
def test_what_was_never_an_event_is_refused_and_breaks_nothing(type_: str, version: int, data: bytes) -> None:
    with pytest.raises(BadEvent):
        decode(type_, version, data)


class ParcelSent(Event, frozen=True, kw_only=True):
    """Version 1 knew pounds and nothing of where; version 2 knew pounds."""

    version: ClassVar[int] = 3

    parcel: str
    grams: int
    to: str

    def about(self) -> str:
        return self.parcel


def _addressed(fields: Fields) -> Fields:
    return {**fields, "to": "unknown"}


def _in_grams(fields: Fields) -> Fields:
    kept = {name: value for name, value in fields.items() if name != "pounds"}
    return {**kept, "grams": round(fields["pounds"] * 453.592)}


PARCELS: Mapping[tuple[str, int], Upcast] = {("ParcelSent", 1): _addressed, ("ParcelSent", 2): _in_grams}


@pytest.mark.parametrize(
    ("version", "written", "grams", "to"),
    [
        (1, {"pounds": 2}, 907, "unknown"),
        (2, {"pounds": 2, "to": "Leeds"}, 907, "Leeds"),
        (3, {"grams": 907, "to": "Leeds"}, 907, "Leeds"),
    ],
)
def test_an_event_is_upcast_one_version_after_the_other(version: int, written: Fields, grams: int, to: str) -> None:
    codec = Codec({"ParcelSent": ParcelSent}, PARCELS)
    row = msgspec.json.encode({"parcel": "p1", "occurred_at": AT, **written})
    assert codec.decode("ParcelSent", version, row) == ParcelSent(parcel="p1", grams=grams, to=to, occurred_at=AT)


@pytest.mark.parametrize("forgotten", [1, 2])
def test_a_vocabulary_that_forgot_an_older_version_is_refused_before_it_reads_any(forgotten: int) -> None:
    upcasts = {key: upcast for key, upcast in PARCELS.items() if key != ("ParcelSent", forgotten)}
    with pytest.raises(UpcastMissing, match=f"ParcelSent had a version {forgotten}, and nothing leads from it to"):
        Codec({"ParcelSent": ParcelSent}, upcasts)
