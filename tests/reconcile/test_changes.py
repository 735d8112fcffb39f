"""Changes say each place at which two values differ, whatever DeepDiff would rather do."""

from datetime import date

from reconcile.grants import Tolerance
from reconcile.policy import FieldRule
from reconcile.terms import Terms
from reconcile.values import Change, changes
from shadow.outcome import Json

TOLERANCE = Tolerance(absolute=0.1, owner="team", reason="rounding", ticket="T-1", expires=date(2099, 1, 1))
ABOUT = Terms(rule=FieldRule(field="n", show="number", tolerance=TOLERANCE))


def test_keys_that_look_private_are_compared_under_a_tolerance_too() -> None:
    assert changes({"__a": 1}, {"__a": 9}, ABOUT) == (Change(at=("__a",), legacy=1, event_driven=9),)


def test_lists_are_compared_rank_by_rank() -> None:
    found = changes([1, 2], [0, 1, 2])
    assert {(change.at, change.legacy, change.event_driven) for change in found[:2]} == {((0,), 1, 0), ((1,), 2, 1)}
    assert found[2] == Change(at=(2,), event_driven=2)


def test_a_sparse_object_is_not_collapsed_into_one_change() -> None:
    one: Json = {"shared": 1, "a": 1, "b": 1, "c": 1}
    other: Json = {"shared": 1, "d": 1, "e": 1, "f": 1}
    assert sorted(change.at for change in changes(one, other)) == [(key,) for key in "abcdef"]


def test_numbers_far_apart_differ_however_large_they_are() -> None:
    assert changes({"n": 1e12}, {"n": 1e12 + 5}, ABOUT) != ()
