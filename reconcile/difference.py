"""Differences: where two outcomes differ under a policy, by field and by kind."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from msgspec import UNSET

from reconcile.members import align
from reconcile.policy import FieldRule, Policy
from reconcile.values import Change, Side, canonical, changes
from shadow.outcome import Fields, Json

Kind: TypeAlias = Literal[
    "missing_in_legacy",
    "missing_in_event_driven",
    "decision",
    "members",
    "order",
    "value",
    "text",
    "html",
]

TELLING: tuple[Kind, ...] = (
    "missing_in_legacy",
    "missing_in_event_driven",
    "decision",
    "members",
    "order",
    "value",
    "text",
    "html",
)
"""Kinds, the most telling first: what comes earlier usually causes what comes later."""


@dataclass(frozen=True, kw_only=True)
class FieldDifference:
    """One field that differs: how, and where. `changes` is never empty."""

    field: str
    kind: Kind
    changes: tuple[Change, ...]


def differences(policy: Policy, legacy: Fields, event_driven: Fields) -> list[FieldDifference]:
    """The fields in which two outcomes differ under the policy, in its order; empty if they are equal.

    Fields the policy does not name come last, by name, and are compared exactly.
    """
    found = []
    for name in _names(policy, legacy, event_driven):
        one, other = legacy.get(name, UNSET), event_driven.get(name, UNSET)
        if not _same(one, other):
            difference = _difference(policy.rule(name) or exact_rule(name, one, other), one, other)
            found += [difference] if difference else []
    return found


def kinds(found: Iterable[FieldDifference]) -> tuple[Kind, ...]:
    """The distinct kinds among differences, the most telling first."""
    present = {difference.kind for difference in found}
    return tuple(kind for kind in TELLING if kind in present)


def tolerated(
    policy: Policy, legacy: Fields, event_driven: Fields, found: Iterable[FieldDifference]
) -> tuple[str, ...]:
    """The fields which are not identical and yet not among the differences `found`: hits of their rules."""
    differing = {difference.field for difference in found}
    names = [name for name in _names(policy, legacy, event_driven) if name not in differing]
    return tuple(name for name in names if not _same(legacy.get(name, UNSET), event_driven.get(name, UNSET)))


def _names(policy: Policy, legacy: Fields, event_driven: Fields) -> list[str]:
    ruled = [rule.field for rule in policy.fields]
    return ruled + sorted((legacy.keys() | event_driven.keys()) - set(ruled))


def _same(one: Side, other: Side) -> bool:
    if one is UNSET or other is UNSET:
        return one is other
    return canonical(one) == canonical(other)


def exact_rule(name: str, one: Side, other: Side) -> FieldRule:
    """The rule for a field that no policy names: exact, of the kind its value shows."""
    there = [side for side in (one, other) if side is not UNSET]
    if all(isinstance(side, list) for side in there):
        return FieldRule(field=name, show="list")
    return FieldRule(field=name, show="number" if _numbers(there) else "text")


def _difference(rule: FieldRule, one: Side, other: Side) -> FieldDifference | None:
    if rule.show == "list" and isinstance(one, list) and isinstance(other, list):
        return _list_difference(rule, one, other)
    if one is UNSET or other is UNSET:
        where: tuple[Change, ...] = (Change(at=(), legacy=one, event_driven=other),)
    else:
        where = changes(one, other, rule.tolerance)
    scalar: Mapping[str, Kind] = {"list": "value", "number": "value", "text": "text", "html": "html"}
    return FieldDifference(field=rule.field, kind=scalar[rule.show], changes=where) if where else None


def _list_difference(rule: FieldRule, one: list[Json], other: list[Json]) -> FieldDifference | None:
    if rule.identity is None and rule.ordered and len(one) == len(other) and _numbers(one + other):
        return _numbers_difference(rule, one, other)
    aligned = align(one, other, rule.identity)
    found: list[tuple[Kind, tuple[Change, ...]]] = [
        ("members", aligned.strangers()),
        ("order", aligned.reordered() if rule.ordered else ()),
        ("value", aligned.altered(rule.tolerance)),
    ]
    found = [(kind, where) for kind, where in found if where]
    if not found:
        return None
    return FieldDifference(field=rule.field, kind=found[0][0], changes=sum((where for _, where in found), ()))


def _numbers_difference(rule: FieldRule, one: list[Json], other: list[Json]) -> FieldDifference | None:
    where = changes(one, other, rule.tolerance)
    if not where:
        return None
    reordered = sorted(map(canonical, one)) == sorted(map(canonical, other))
    return FieldDifference(field=rule.field, kind="order" if reordered else "value", changes=where)


def _numbers(values: Sequence[Side]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
