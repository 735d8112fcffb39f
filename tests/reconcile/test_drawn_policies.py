"""What holds of every comparison policy, whatever it says: drawn policies over drawn outcomes."""

from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from reconcile import FieldRule, Policy, Tolerance, differences
from reconcile.difference import FieldDifference, tolerated
from reconcile.policy import Show
from shadow.outcome import Fields, Json, digest
from tests.reconcile.test_differences import fields, swapped, unordered

tolerances = st.sampled_from([0.25, 0.5, 1.0]).map(
    lambda absolute: Tolerance(
        absolute=absolute, owner="team", reason="rounding", ticket="T-1", expires=date(2099, 1, 1)
    )
)


SHOWN: tuple[Show, ...] = ("text", "html", "list", "number")


@st.composite
def rules(draw: st.DrawFn, name: str) -> FieldRule:
    show: Show = "number" if name == "price" else draw(st.sampled_from(SHOWN)) if name == "text" else "list"
    identity = draw(st.sampled_from([None, "id"])) if show == "list" else None
    ordered = show != "list" or draw(st.booleans())
    may_tolerate = show in ("list", "number") and (ordered or identity is not None)
    tolerance = draw(st.none() | tolerances) if may_tolerate else None
    return FieldRule(field=name, show=show, identity=identity, ordered=ordered, tolerance=tolerance)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any rules for any of the fields, in any order."""
    names = draw(st.permutations(["items", "tags", "text", "price", "unruled"]))
    return Policy(name="drawn", fields=tuple(draw(rules(name)) for name in names[: draw(st.integers(2, 5))]))


def nudged(value: Json, by: float) -> Json:
    """The value with every number in it a little larger."""
    if isinstance(value, list):
        return [nudged(each, by) for each in value]
    if isinstance(value, dict):
        return {name: nudged(each, by) for name, each in value.items()}
    return value + by if isinstance(value, int | float) and not isinstance(value, bool) else value


def turned(value: Json) -> Json:
    return value[::-1] if isinstance(value, list) else value


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Fields, Fields]:
    """Two outcomes: unrelated, or one and what became of it where order or numbers differ."""
    one = {**draw(fields), "price": draw(st.sampled_from([0, 0.5, 1, 2.5]))}
    if draw(st.booleans()):
        return one, draw(fields)
    by = draw(st.sampled_from([0.0, 0.25, 0.5, 2.0]))
    turn = draw(st.booleans())
    return one, {name: nudged(turned(value) if turn else value, by) for name, value in one.items()}


def exactly(policy: Policy) -> Policy:
    """The same policy without anything it lets pass."""
    return replace(policy, fields=tuple(replace(rule, tolerance=None, ordered=True) for rule in policy.fields))


def names(found: list[FieldDifference]) -> set[str]:
    return {difference.field for difference in found}


@given(policies(), pairs())
def test_every_policy_finds_the_same_whichever_path_is_which(policy: Policy, pair: tuple[Fields, Fields]) -> None:
    one, other = pair
    there, back = differences(policy, one, other), differences(policy, other, one)
    assert unordered(there) == unordered(swapped(back))


@given(policies(), pairs())
def test_every_policy_that_lets_nothing_pass_says_what_the_digests_say(
    policy: Policy, pair: tuple[Fields, Fields]
) -> None:
    one, other = pair
    found = differences(exactly(policy), one, other)
    assert (found == []) == (digest("send", None, one) == digest("send", None, other))


@given(policies(), pairs())
def test_what_a_policy_lets_pass_is_counted_and_the_rest_is_found(policy: Policy, pair: tuple[Fields, Fields]) -> None:
    """Found and tolerated together are what differs at all, and no field is both."""
    one, other = pair
    found = differences(policy, one, other)
    passed = tolerated(policy, one, other, found)
    assert not names(found) & set(passed)
    assert names(found) | set(passed) == names(differences(exactly(policy), one, other))
