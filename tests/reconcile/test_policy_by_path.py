"""A policy can say something of a path inside a field, and what it lets pass is counted."""

from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from reconcile import (
    AcceptedDifference,
    FieldRule,
    GrantExpired,
    Policy,
    ReconciliationPlan,
    Tolerance,
    Totals,
    differences,
    reconcile,
)
from shadow.job import Job
from shadow.outcome import Fields, Json, Outcome
from tests.reconcile.recorded_runs import RecordedRun, by_unit

RUN = "2026-W47"
OFTEN = date(2099, 1, 1)

ITEMS = FieldRule(field="items", show="list", identity="id")
SCORE = FieldRule(field="items[].score", show="number")
TAGS = FieldRule(field="items[].tags", show="list")
PRICES = FieldRule(field="items[].offer.price", show="number")
NOTE = FieldRule(field="note")


def about(*, absolute: float = 0.0, relative: float = 0.0, expires: date = OFTEN) -> Tolerance:
    return Tolerance(
        absolute=absolute, relative=relative, owner="team", reason="rounding", ticket="T-1", expires=expires
    )


def policy(*rules: FieldRule, accepted: tuple[AcceptedDifference, ...] = ()) -> Policy:
    return Policy(name="lists", fields=(ITEMS, NOTE, *rules), accepted=accepted)


def item(name: str = "a", **fields: Json) -> dict[str, Json]:
    return {"id": name, **fields}


def items(*members: dict[str, Json], note: str = "") -> Fields:
    listed: list[Json] = list(members)
    return {"items": listed, "note": note}


def kinds(under: Policy, one: Fields, other: Fields) -> list[tuple[str, str]]:
    return [(found.field, found.kind) for found in differences(under, one, other)]


@pytest.mark.parametrize(
    ("tolerance", "one", "other", "equal"),
    [
        (about(absolute=0.01), 0.50, 0.51, True),
        (about(absolute=0.01), 0.50, 0.5100001, False),
        (about(relative=0.1), 100.0, 90.0, True),
        (about(relative=0.1), 100.0, 89.9, False),
        (about(relative=0.1), -100.0, -90.0, True),
        (about(relative=0.1), 0.0, 0.0001, False),
        (about(absolute=1.0, relative=0.1), 5.0, 6.0, True),
        (about(absolute=1.0, relative=0.1), 50.0, 55.0, True),
        (about(absolute=1.0, relative=0.1), 50.0, 56.0, False),
    ],
)
def test_a_tolerance_holds_at_its_path(tolerance: Tolerance, one: float, other: float, equal: bool) -> None:
    under = policy(replace(SCORE, tolerance=tolerance))
    for first, second in ((one, other), (other, one)):
        found = kinds(under, items(item(score=first)), items(item(score=second)))
        assert found == ([] if equal else [("items", "value")])


def test_a_tolerance_at_a_path_holds_nowhere_else() -> None:
    under = policy(replace(SCORE, tolerance=about(absolute=1.0)))
    one = item(score=1.0, rank=1.0, offer={"score": 1.0})
    assert kinds(under, items(one), items({**one, "score": 1.5})) == []
    assert kinds(under, items(one), items({**one, "rank": 1.5})) == [("items", "value")]
    assert kinds(under, items(one), items({**one, "offer": {"score": 1.5}})) == [("items", "value")]


def test_a_tolerance_holds_in_every_member_and_at_paths_of_any_depth() -> None:
    under = policy(replace(PRICES, tolerance=about(absolute=0.5)))
    one = [item(name, offer={"price": 10.0, "tax": 2.0}) for name in "abc"]
    near = [item(name, offer={"price": 10.4, "tax": 2.0}) for name in "abc"]
    assert kinds(under, items(*one), items(*near)) == []
    far = [*near[:2], item("c", offer={"price": 10.4, "tax": 2.1})]
    assert kinds(under, items(*one), items(*far)) == [("items", "value")]


def test_of_two_tolerances_the_one_with_the_longer_path_holds() -> None:
    wide = replace(ITEMS, tolerance=about(absolute=1.0))
    under = Policy(name="lists", fields=(wide, replace(SCORE, tolerance=about(absolute=0.1))))
    assert kinds(under, items(item(rank=1.0)), items(item(rank=1.9))) == []
    assert kinds(under, items(item(score=1.0)), items(item(score=1.9))) == [("items", "value")]


def test_lists_inside_members_are_compared_rank_by_rank_unless_the_policy_says_otherwise() -> None:
    one, other = items(item(tags=["x", "y"])), items(item(tags=["y", "x"]))
    assert kinds(policy(), one, other) == [("items", "value")]
    assert kinds(policy(TAGS), one, other) == [("items", "value")]
    assert kinds(policy(replace(TAGS, ordered=False)), one, other) == []


def test_a_list_without_order_still_counts_its_members() -> None:
    under = policy(replace(TAGS, ordered=False))
    assert kinds(under, items(item(tags=["x", "x", "y"])), items(item(tags=["x", "y", "y"]))) == [("items", "value")]
    assert kinds(under, items(item(tags=["x"])), items(item(tags=["x", "z"]))) == [("items", "value")]


def test_the_members_of_a_list_inside_members_are_told_apart_by_their_identity() -> None:
    offers = FieldRule(field="items[].offers", show="list", identity="shop", ordered=False)
    under = policy(offers, FieldRule(field="items[].offers[].price", show="number"))
    one: list[Json] = [{"shop": "s", "price": 1.0}, {"shop": "t", "price": 2.0}]
    turned: list[Json] = [one[1], one[0]]
    dearer: list[Json] = [one[0], {"shop": "t", "price": 3.0}]
    assert kinds(under, items(item(offers=one)), items(item(offers=turned))) == []
    (found,) = differences(under, items(item(offers=one)), items(item(offers=dearer)))
    assert [(change.at, change.legacy, change.event_driven) for change in found.changes] == [
        (("a", "offers", "t", "price"), 2.0, 3.0)
    ]


def accepted(
    name: str,
    *,
    kinds: frozenset[str] = frozenset(),
    fields: frozenset[str] = frozenset(),
    cause: str = "",
    expires: date = OFTEN,
) -> AcceptedDifference:
    return AcceptedDifference(
        name=name, kinds=kinds, fields=fields, cause=cause, owner="team", reason="wanted", ticket="T-2", expires=expires
    )


def reconciled(database: sa.Engine, under: Policy, legacy: list[Outcome], event_driven: list[Outcome]) -> Totals:
    RecordedRun(run=RUN, legacy=by_unit(*legacy), event_driven=by_unit(*event_driven)).write(database)
    plan = ReconciliationPlan(job=Job(name="lists", normalise=lambda fields: fields), policy=under)
    return reconcile(database, RUN, plan, code_version="abc")


def listed(unit: str, fields: Fields) -> Outcome:
    return Outcome(unit=unit, decision="send", fields=fields)


A = items(item(score=1.0), note="n")
OTHER_NOTE = items(item(score=1.0), note="m")
OTHER_SCORE = items(item(score=2.0), note="n")
OTHER_BOTH = items(item(score=2.0), note="m")


def test_accepted_differences_are_explained_and_their_hits_counted(database: sa.Engine) -> None:
    grants = (
        accepted("words", kinds=frozenset({"note"})),
        accepted("scores alone", fields=frozenset({"items"})),
        accepted("a cause", cause="ties"),
    )
    units = ["u1", "u2", "u3", "u4"]
    others = [OTHER_NOTE, OTHER_NOTE, OTHER_SCORE, OTHER_BOTH]
    totals = reconciled(
        database,
        policy(accepted=grants),
        [listed(unit, A) for unit in units],
        [listed(unit, other) for unit, other in zip(units, others, strict=True)],
    )
    assert totals.accepted == {"words": 2, "scores alone": 1, "a cause": 0}
    assert (totals.explained, totals.mismatch, totals.because) == (3, 1, {"accepted": 3})


def test_an_accepted_difference_takes_only_what_fits_all_it_says() -> None:
    both = accepted("both", kinds=frozenset({"value"}), fields=frozenset({"items"}), cause="ties")
    assert both.takes(kind="value", fields=("items",), cause="ties")
    assert not both.takes(kind="order", fields=("items",), cause="ties")
    assert not both.takes(kind="value", fields=("items", "note"), cause="ties")
    assert not both.takes(kind="value", fields=("items",), cause="rounding")
    assert not both.takes(kind="value", fields=("items",), cause=None)


def test_what_is_never_met_is_told_with_no_hits(database: sa.Engine) -> None:
    totals = reconciled(
        database,
        policy(accepted=(accepted("words", kinds=frozenset({"note"})),)),
        [listed("u1", A)],
        [listed("u1", A)],
    )
    assert totals.accepted == {"words": 0}


@pytest.mark.parametrize("what", ["tolerance", "accepted difference"])
def test_nothing_is_compared_under_a_policy_that_has_expired(database: sa.Engine, what: str) -> None:
    gone = date(2020, 1, 1)
    if what == "tolerance":
        under = policy(replace(SCORE, tolerance=about(absolute=1.0, expires=gone)))
    else:
        under = policy(accepted=(accepted("words", kinds=frozenset({"note"}), expires=gone),))
    with pytest.raises(GrantExpired, match="expired on 2020-01-01"):
        reconciled(database, under, [listed("u1", A)], [listed("u1", A)])


def test_a_tolerance_is_hit_under_the_name_of_its_field(database: sa.Engine) -> None:
    under = policy(replace(SCORE, tolerance=about(absolute=1.0)))
    totals = reconciled(database, under, [listed("u1", A)], [listed("u1", OTHER_SCORE)])
    assert (totals.match, totals.matched_within_tolerance, totals.tolerated) == (1, 1, {"items": 1})
