"""A comparison policy says only what somebody answers for."""

import dataclasses
from datetime import date
from typing import TypedDict, Unpack

import pytest

from reconcile.errors import PolicyRefused, ToleranceExpired
from reconcile.policy import FieldRule, Policy, Show


class Grant(TypedDict, total=False):
    """The arguments of a rule that cases vary."""

    show: Show
    identity: str | None
    ordered: bool
    tolerance: float
    owner: str
    reason: str
    expires: date | None


def granted(**changes: Unpack[Grant]) -> FieldRule:
    rule: Grant = {
        "show": "number",
        "tolerance": 0.01,
        "owner": "pricing team",
        "reason": "rounding",
        "expires": date(2026, 12, 31),
    }
    return FieldRule(field="price", **(rule | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (Grant(owner=""), "missing: owner"),
        (Grant(owner="  "), "missing: owner"),
        (Grant(reason=""), "missing: reason"),
        (Grant(expires=None), "missing: expires"),
        (Grant(owner="", reason="", expires=None), "missing: owner, reason, expires"),
        (Grant(tolerance=-0.1), "expected a finite number of at least 0"),
        (Grant(tolerance=float("nan")), "expected a finite number of at least 0"),
        (Grant(tolerance=float("inf")), "expected a finite number of at least 0"),
        (Grant(show="text"), "a tolerance belongs to numbers or lists"),
        (Grant(identity="id"), "identity and order belong to lists"),
        (Grant(ordered=False), "identity and order belong to lists"),
        (Grant(show="list", ordered=False), "needs an identity"),
    ],
)
def test_a_rule_nobody_should_be_able_to_write_is_refused_with_its_field(changes: Grant, said: str) -> None:
    with pytest.raises(PolicyRefused, match=said) as refused:
        granted(**changes)
    assert "'price'" in str(refused.value)


def test_a_tolerance_holds_through_the_day_it_expires_on() -> None:
    policy = Policy(name="prices", fields=(granted(),))
    policy.refuse_expired(date(2026, 12, 31))
    with pytest.raises(ToleranceExpired, match=r"'prices', field 'price'.*2026-12-31.*pricing team"):
        policy.refuse_expired(date(2027, 1, 1))


def test_a_field_has_one_rule() -> None:
    with pytest.raises(PolicyRefused, match="'price' more than once"):
        Policy(name="prices", fields=(granted(), granted()))


def test_the_digest_is_stable_between_processes_and_versions() -> None:
    policy = Policy(name="prices", fields=(granted(), FieldRule(field="note")))
    assert policy.digest() == "dead1002e5d1c7b9ff4d0df156977c2b"


@pytest.mark.parametrize(
    "edit",
    [Grant(tolerance=0.02), Grant(owner="me"), Grant(reason="other"), Grant(expires=date(2027, 1, 1))],
)
def test_any_edit_changes_the_digest(edit: Grant) -> None:
    before, after = (Policy(name="prices", fields=(rule,)) for rule in (granted(), granted(**edit)))
    assert before.digest() != after.digest()
    assert dataclasses.replace(before, name="other").digest() != before.digest()
