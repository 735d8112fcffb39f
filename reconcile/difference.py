"""Differences: where two outcomes differ under a policy, by field and by kind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from reconcile.canonical import canonical
from reconcile.kinds import Kind, distinct
from reconcile.members import align
from reconcile.policy import FieldRule, Policy
from reconcile.terms import Terms, terms_of
from reconcile.values import Change, Side, changes
from shadow.outcome import Fields, Json


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
            difference = _difference(terms(policy, name, one, other), one, other)
            found += [difference] if difference else []
    return found


def kinds(found: Iterable[FieldDifference]) -> tuple[Kind, ...]:
    """The distinct kinds among differences, the most telling first."""
    return distinct(difference.kind for difference in found)


def tolerated(
    policy: Policy, legacy: Fields, event_driven: Fields, found: Iterable[FieldDifference]
) -> tuple[str, ...]:
    """The fields which are not identical and yet not among the differences `found`: hits of their rules."""
    differing = {difference.field for difference in found}
    names = [name for name in _names(policy, legacy, event_driven) if name not in differing]
    return tuple(name for name in names if not _same(legacy.get(name, UNSET), event_driven.get(name, UNSET)))


def _names(policy: Policy, legacy: Fields, event_driven: Fields) -> list[str]:
    ruled = [rule.field for rule in policy.top]
    return ruled + sorted((legacy.keys() | event_driven.keys()) - set(ruled))


def _same(one: Side, other: Side) -> bool:
    if one is UNSET or other is UNSET:
        return one is other
    return canonical(one) == canonical(other)


def terms(policy: Policy, name: str, one: Side, other: Side) -> Terms:
    """On what terms a field is compared: those of the policy, or exactly if it does not name the field."""
    return terms_of(policy, policy.rule(name) or _exact_rule(name, one, other))


def _exact_rule(name: str, one: Side, other: Side) -> FieldRule:
    """The rule for a field that no policy names: exact, of the kind its value shows."""
    there = [side for side in (one, other) if side is not UNSET]
    if all(isinstance(side, list) for side in there):
        return FieldRule(field=name, show="list")
    return FieldRule(field=name, show="number" if _numbers(there) else "text")


def _difference(terms: Terms, one: Side, other: Side) -> FieldDifference | None:
    if terms.rule.show == "list" and isinstance(one, list) and isinstance(other, list):
        return _list_difference(terms, one, other)
    if one is UNSET or other is UNSET:
        where: tuple[Change, ...] = (Change(at=(), legacy=one, event_driven=other),)
    else:
        where = changes(one, other, terms)
    words = terms.rule.show in ("text", "html")
    kind = Kind(terms.rule.field if words else "value")
    return FieldDifference(field=terms.rule.field, kind=kind, changes=where) if where else None


def _list_difference(terms: Terms, one: list[Json], other: list[Json]) -> FieldDifference | None:
    rule = terms.rule
    if rule.identity is None and rule.ordered and len(one) == len(other) and _numbers(one + other):
        return _numbers_difference(terms, one, other)
    aligned = align(one, other, rule.identity)
    found: list[tuple[str, tuple[Change, ...]]] = [
        ("duplicate" if aligned.repeated() else "members", aligned.strangers()),
        ("order", aligned.reordered() if rule.ordered else ()),
        ("value", aligned.altered(terms)),
    ]
    found = [(kind, where) for kind, where in found if where]
    if not found:
        return None
    return FieldDifference(field=rule.field, kind=Kind(found[0][0]), changes=sum((where for _, where in found), ()))


def _numbers_difference(terms: Terms, one: list[Json], other: list[Json]) -> FieldDifference | None:
    where = changes(one, other, terms)
    if not where:
        return None
    reordered = sorted(map(canonical, one)) == sorted(map(canonical, other))
    return FieldDifference(field=terms.rule.field, kind=Kind("order" if reordered else "value"), changes=where)


def _numbers(values: Sequence[Side]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
