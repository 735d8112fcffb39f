"""A comparison policy says only what somebody answers for."""

import dataclasses
from datetime import date
from typing import TypedDict, Unpack

import pytest

from reconcile.errors import GrantExpired, PolicyRefused
from reconcile.grants import AcceptedDifference, Tolerance
from reconcile.policy import FieldRule, Policy, Show


class Granted(TypedDict, total=False):
    """The arguments of a tolerance that cases vary."""

    absolute: float
    relative: float
    owner: str
    reason: str
    ticket: str
    expires: date


class Ruled(TypedDict, total=False):
    """The arguments of a rule that cases vary."""

    show: Show
    identity: str | None
    ordered: bool


def tolerance(**changes: Unpack[Granted]) -> Tolerance:
    usual: Granted = {
        "absolute": 0.01,
        "owner": "pricing team",
        "reason": "rounding",
        "ticket": "PRICE-12",
        "expires": date(2026, 12, 31),
    }
    return Tolerance(**(usual | changes))


def granted(**changes: Unpack[Granted]) -> FieldRule:
    return FieldRule(field="price", show="number", tolerance=tolerance(**changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (Granted(owner=""), "missing: owner"),
        (Granted(owner="  "), "missing: owner"),
        (Granted(reason=""), "missing: reason"),
        (Granted(ticket=""), "missing: ticket"),
        (Granted(owner="", reason="", ticket=""), "missing: owner, reason, ticket"),
        (Granted(absolute=-0.1), "absolute is -0.1, expected a finite number of at least 0"),
        (Granted(relative=float("nan")), "relative is nan, expected a finite number of at least 0"),
        (Granted(absolute=float("inf")), "expected a finite number of at least 0"),
        (Granted(absolute=0.0), "both 0"),
    ],
)
def test_a_tolerance_nobody_answers_for_is_refused(changes: Granted, said: str) -> None:
    with pytest.raises(PolicyRefused, match=said):
        tolerance(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (Ruled(show="text"), "a tolerance belongs to numbers or lists"),
        (Ruled(identity="id"), "identity and order belong to lists"),
        (Ruled(ordered=False), "identity and order belong to lists"),
        (Ruled(show="list", ordered=False), "needs an identity"),
    ],
)
def test_a_rule_nobody_should_be_able_to_write_is_refused_with_its_field(changes: Ruled, said: str) -> None:
    usual: Ruled = {"show": "number"}
    with pytest.raises(PolicyRefused, match=said) as refused:
        FieldRule(field="price", tolerance=tolerance(), **(usual | changes))
    assert "'price'" in str(refused.value)


@pytest.mark.parametrize("path", ["", "[]", "[].score", "."])
def test_a_rule_is_for_a_field_or_a_path_in_one(path: str) -> None:
    with pytest.raises(PolicyRefused, match="expected a field of the outcome"):
        FieldRule(field=path)


def test_a_rule_inside_a_field_needs_one_for_the_field() -> None:
    with pytest.raises(PolicyRefused, match=r"'items\[\].score' and none for 'items'"):
        Policy(name="lists", fields=(FieldRule(field="items[].score", show="number"),))


def test_an_accepted_difference_says_what_it_accepts_and_who_answers_for_it() -> None:
    with pytest.raises(PolicyRefused, match="'all' accepts everything"):
        accepted(name="all", kinds=frozenset())
    with pytest.raises(PolicyRefused, match="'known' needs an owner"):
        accepted(owner=" ")


def accepted(
    *, name: str = "known", owner: str = "lists team", kinds: frozenset[str] = frozenset({"order"})
) -> AcceptedDifference:
    return AcceptedDifference(
        name=name, kinds=kinds, owner=owner, reason="ties", ticket="LISTS-8", expires=date(2026, 12, 31)
    )


@pytest.mark.parametrize(
    ("wanted", "kind", "fields", "cause", "taken"),
    [
        ({"kinds": {"order"}}, "order", ("items",), None, True),
        ({"kinds": {"order"}}, "members", ("items",), None, False),
        ({"fields": {"items", "text"}}, "members", ("items",), None, True),
        ({"fields": {"items"}}, "members", ("items", "text"), None, False),
        ({"cause": "ties"}, "order", ("items",), "ties", True),
        ({"cause": "ties"}, "order", ("items",), "rounding", False),
        ({"kinds": {"order"}, "cause": "ties"}, "members", ("items",), "ties", False),
    ],
)
def test_an_accepted_difference_takes_what_fits_all_it_says(
    wanted: dict[str, set[str] | str], kind: str, fields: tuple[str, ...], cause: str | None, taken: bool
) -> None:
    cut = {name: value if isinstance(value, str) else frozenset(value) for name, value in wanted.items()}
    difference = dataclasses.replace(accepted(), **{"kinds": frozenset(), **cut})  # type: ignore[arg-type]
    assert difference.takes(kind=kind, fields=fields, cause=cause) is taken


def test_a_tolerance_holds_through_the_day_it_expires_on() -> None:
    policy = Policy(name="prices", fields=(granted(),))
    policy.refuse_expired(date(2026, 12, 31))
    with pytest.raises(GrantExpired, match=r"'prices', field 'price'.*2026-12-31.*pricing team"):
        policy.refuse_expired(date(2027, 1, 1))


def test_a_field_has_one_rule() -> None:
    with pytest.raises(PolicyRefused, match="'price' more than once"):
        Policy(name="prices", fields=(granted(), granted()))


def test_the_digest_is_stable_between_processes_and_versions() -> None:
    policy = Policy(name="prices", fields=(granted(), FieldRule(field="note")))
    assert policy.digest() == "aad83099eaba17c59633adab28ef5e13"


@pytest.mark.parametrize(
    "edit",
    [
        Granted(absolute=0.02),
        Granted(relative=0.01),
        Granted(owner="me"),
        Granted(reason="other"),
        Granted(ticket="PRICE-13"),
        Granted(expires=date(2027, 1, 1)),
    ],
)
def test_any_edit_changes_the_digest(edit: Granted) -> None:
    before, after = (Policy(name="prices", fields=(rule,)) for rule in (granted(), granted(**edit)))
    assert before.digest() != after.digest()
    assert dataclasses.replace(before, name="other").digest() != before.digest()
