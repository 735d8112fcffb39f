"""Differences are found by field and kind, symmetrically, and exactly where nothing is tolerated."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconcile.canonical import canonical
from reconcile.difference import FieldDifference, differences, kinds, tolerated
from reconcile.grants import Tolerance
from reconcile.policy import FieldRule, Policy
from reconcile.values import Change, within
from shadow.outcome import Fields, Json, digest, pack, unpack

EXACT = Policy(
    name="exact",
    fields=(
        FieldRule(field="items", show="list", identity="id"),
        FieldRule(field="tags", show="list"),
        FieldRule(field="text"),
        FieldRule(field="page", show="html"),
        FieldRule(field="price", show="number"),
    ),
)


def granted(*, absolute: float = 0.0, relative: float = 0.0) -> Tolerance:
    return Tolerance(
        absolute=absolute,
        relative=relative,
        owner="team",
        reason="rounding",
        ticket="T-1",
        expires=date(2099, 1, 1),
    )


def tolerant(tolerance: float, *, ordered: bool = True) -> Policy:
    rule = FieldRule(
        field="items",
        show="list",
        identity="id",
        ordered=ordered,
        tolerance=granted(absolute=tolerance),
    )
    return Policy(name="tolerant", fields=(rule,))


def items(*scores: tuple[str, float]) -> dict[str, Json]:
    members: list[Json] = [{"id": name, "score": score} for name, score in scores]
    return {"items": members}


A, B, C = ("a", 0.9), ("b", 0.8), ("c", 0.7)
PAIRS: list[tuple[Fields, Fields, list[tuple[str, str]]]] = [
    (items(A, B), items(A, B), []),
    (items(A, B), items(A, C), [("items", "members")]),
    (items(A, B), items(A), [("items", "members")]),
    (items(A, B), items(B, A), [("items", "order")]),
    (items(A, B), items(A, ("b", 0.5)), [("items", "value")]),
    (items(A, A, B), items(A, B, B), [("items", "duplicate")]),
    (items(A, B), items(B, ("a", 0.5)), [("items", "order")]),
    ({"tags": [1, 1, 2]}, {"tags": [1, 2, 2]}, [("tags", "value")]),
    ({"tags": ["x", "x", "y"]}, {"tags": ["x", "y", "y"]}, [("tags", "duplicate")]),
    ({"tags": [1, 2]}, {"tags": [2, 1]}, [("tags", "order")]),
    ({"tags": [1]}, {"tags": "1"}, [("tags", "value")]),
    ({"text": "a"}, {"text": "b"}, [("text", "text")]),
    ({"text": "a"}, {}, [("text", "text")]),
    ({"text": None}, {}, [("text", "text")]),
    ({"page": "<p>"}, {"page": "<b>"}, [("page", "page")]),
    ({"price": 1}, {"price": 1.0}, [("price", "value")]),
    ({"price": 0.0}, {"price": -0.0}, [("price", "value")]),
    ({"price": 1}, {"price": True}, [("price", "value")]),
    ({"unruled": {"__x": 1}}, {"unruled": {"__x": 2}}, [("unruled", "unruled")]),
    ({"unruled": [1]}, {"unruled": [2]}, [("unruled", "value")]),
    ({"text": "a", "price": 1}, {"text": "b", "price": 2}, [("text", "text"), ("price", "value")]),
]


@pytest.mark.parametrize(("legacy", "event_driven", "expected"), PAIRS)
def test_what_differs_is_found_by_field_and_kind(
    legacy: Fields, event_driven: Fields, expected: list[tuple[str, str]]
) -> None:
    found = differences(EXACT, legacy, event_driven)
    assert [(difference.field, difference.kind) for difference in found] == expected
    assert all(difference.changes for difference in found)


def test_a_swapped_member_is_told_by_its_identity_and_not_as_a_change_of_it() -> None:
    (found,) = differences(EXACT, items(A, B), items(A, C))
    assert {change.at for change in found.changes} == {("b",), ("c",)}


def test_changes_within_a_member_say_where() -> None:
    (found,) = differences(EXACT, items(A, B), items(A, ("b", 0.5)))
    assert found.changes == (Change(at=("b", "score"), legacy=0.8, event_driven=0.5),)


def test_identities_that_look_like_a_repetition_are_kept_apart() -> None:
    one, other = items(A, A, ("a (2)", 1.0)), items(A, A, ("a (2)", 2.0))
    assert [(found.field, found.kind) for found in differences(EXACT, one, other)] == [("items", "value")]


def test_the_most_telling_kind_comes_first() -> None:
    found = differences(EXACT, {**items(A), "text": "a", "page": "x"}, {**items(B), "text": "b", "page": "y"})
    assert kinds(found) == ("members", "text", "page")


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (0.5, 0.500001, True),
        (0.5, 0.500002, False),
        (0.12345, 0.123449, True),
        (1e12, 1e12 + 5, False),
        (2, 2.0, True),
    ],
)
def test_a_tolerance_is_absolute_and_inclusive(one: float, other: float, equal: bool) -> None:
    assert within(one, other, granted(absolute=1e-6)) is equal
    found = differences(tolerant(1e-6), items(("a", one)), items(("a", other)))
    assert (found == []) is equal


def test_a_tolerance_forgives_no_boolean_no_word_and_no_absence() -> None:
    for other in (True, "1", None):
        members: list[Json] = [{"id": "a", "score": other}]
        assert differences(tolerant(5), items(("a", 1)), {"items": members})


def test_what_the_policy_forgives_is_counted_by_field() -> None:
    one, other = items(A, B), items(A, ("b", 0.8000001))
    policy = tolerant(1e-6)
    assert tolerated(policy, one, other, differences(policy, one, other)) == ("items",)
    assert tolerated(EXACT, one, other, differences(EXACT, one, other)) == ()
    assert tolerated(policy, one, one, []) == ()


def test_an_order_that_does_not_count_is_no_difference() -> None:
    assert differences(tolerant(1e-6, ordered=False), items(A, B, B), items(B, A, B)) == []


leaves: st.SearchStrategy[Json] = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, -0.0, 0.5, 1.0])
    | st.sampled_from(["", "a", "b", "a (2)", "1", "__x"])
)
members: st.SearchStrategy[Json] = (
    st.fixed_dictionaries({"id": leaves}, optional={"score": leaves, "__y": leaves}) | leaves
)
values: st.SearchStrategy[Json] = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab_"), inner), max_leaves=5
)


def among(*strategies: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.one_of(*strategies)


def lists_of(strategy: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.lists(strategy, max_size=4).map(lambda values: values)


fields: st.SearchStrategy[dict[str, Json]] = st.fixed_dictionaries(
    {},
    optional={
        "items": among(lists_of(members), values),
        "tags": among(lists_of(leaves), values),
        "text": values,
        "price": values,
        "unruled": values,
    },
)


def swapped(found: Iterable[FieldDifference]) -> list[FieldDifference]:
    """The differences as the other way round would have found them."""
    return [
        replace(
            each, changes=tuple(Change(at=c.at, legacy=c.event_driven, event_driven=c.legacy) for c in each.changes)
        )
        for each in found
    ]


def unordered(found: Iterable[FieldDifference]) -> list[tuple[str, str, list[str]]]:
    """Differences with their changes in no particular order."""
    return [(each.field, each.kind, sorted(map(repr, each.changes))) for each in found]


@given(fields, fields)
def test_differences_mirror_when_the_paths_are_swapped(one: Fields, other: Fields) -> None:
    for policy in (EXACT, tolerant(0.5), tolerant(0.5, ordered=False)):
        there, back = differences(policy, one, other), differences(policy, other, one)
        assert unordered(there) == unordered(swapped(back))


@given(fields)
def test_an_outcome_does_not_differ_from_itself(one: Fields) -> None:
    for policy in (EXACT, tolerant(0.5), tolerant(0.5, ordered=False)):
        assert differences(policy, one, unpack(pack(one))) == []


@given(fields, fields)
@example({"price": 0.0}, {"price": -0.0})
@example({"tags": ["1"]}, {"tags": [1]})
def test_without_tolerance_digests_are_equal_exactly_where_the_policy_finds_nothing(one: Fields, other: Fields) -> None:
    assert (digest("send", None, one) == digest("send", None, other)) == (differences(EXACT, one, other) == [])


@given(values, values)
def test_values_are_the_same_exactly_if_their_canonical_forms_are(one: Json, other: Json) -> None:
    assert (canonical(one) == canonical(other)) == (differences(EXACT, {"text": one}, {"text": other}) == [])
