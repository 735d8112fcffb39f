"""What holds of every comparison policy, whatever it says: drawn policies over drawn outcomes."""

from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from reconcile import FieldRule, Policy, Tolerance, differences
from reconcile.difference import FieldDifference, tolerated
from reconcile.policy import Show
from shadow.outcome import Fields, digest
from tests.reconcile.test_differences import fields, swapped, unordered

tolerances = st.sampled_from([0.25, 0.5, 1.0]).map(
    lambda absolute: Tolerance(
        absolute=absolute, owner="team", reason="rounding", ticket="T-1", expires=date(2099, 1, 1)
    )
)


SHOWN: tuple[Show, ...] = ("text", "html", "list", "number")


@st.composite
def rules(draw: st.DrawFn, name: str) -> FieldRule:
    show: Show = draw(st.sampled_from(SHOWN)) if name in ("text", "price") else "list"
    identity = draw(st.sampled_from([None, "id"])) if show == "list" else None
    ordered = show != "list" or draw(st.booleans())
    may_tolerate = show in ("list", "number") and (ordered or identity is not None)
    tolerance = draw(st.none() | tolerances) if may_tolerate else None
    return FieldRule(field=name, show=show, identity=identity, ordered=ordered, tolerance=tolerance)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any rules for any of the fields, in any order."""
    names = draw(st.permutations(["items", "tags", "text", "price", "unruled"]))
    return Policy(name="drawn", fields=tuple(draw(rules(name)) for name in names[: draw(st.integers(0, 5))]))


def exactly(policy: Policy) -> Policy:
    """The same policy without anything it lets pass."""
    return replace(policy, fields=tuple(replace(rule, tolerance=None, ordered=True) for rule in policy.fields))


def names(found: list[FieldDifference]) -> set[str]:
    return {difference.field for difference in found}


@given(policies(), fields, fields)
def test_every_policy_finds_the_same_whichever_path_is_which(policy: Policy, one: Fields, other: Fields) -> None:
    there, back = differences(policy, one, other), differences(policy, other, one)
    assert unordered(there) == unordered(swapped(back))


@given(policies(), fields, fields)
def test_every_policy_that_lets_nothing_pass_says_what_the_digests_say(
    policy: Policy, one: Fields, other: Fields
) -> None:
    found = differences(exactly(policy), one, other)
    assert (found == []) == (digest("send", None, one) == digest("send", None, other))


@given(policies(), fields, fields)
def test_what_a_policy_lets_pass_is_counted_and_the_rest_is_found(policy: Policy, one: Fields, other: Fields) -> None:
    """Found and tolerated together are what differs at all, and no field is both."""
    found = differences(policy, one, other)
    passed = tolerated(policy, one, other, found)
    assert not names(found) & set(passed)
    assert names(found) | set(passed) == names(differences(exactly(policy), one, other))
