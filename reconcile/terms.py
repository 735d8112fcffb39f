"""The terms on which one field is compared: what tolerance holds where in it, and which lists in it have members."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reconcile.grants import Tolerance
from reconcile.identity import identify, label
from reconcile.policy import FieldRule, Policy
from shadow.outcome import Json

Place = Sequence[str | int]
"""Keys and indices that lead to a value inside a field."""

ORDER = "(order)"
"""Under which key the order of a list is compared that was turned into an object of its members."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """`rule` is that of the whole field; `below` are those of paths inside it."""

    rule: FieldRule
    below: tuple[FieldRule, ...] = ()

    def tolerance(self, place: Place) -> Tolerance | None:
        """The tolerance for a number at this place: the one of the longest path that leads there."""
        rules = sorted((self.rule, *self.below), key=lambda rule: -len(rule.steps))
        found = (rule.tolerance for rule in rules if rule.tolerance and _leads_to(rule.steps[1:], place))
        return next(found, None)

    @property
    def exact(self) -> bool:
        """Whether equal means identical everywhere."""
        return not any((rule.tolerance or _by_members(rule)) for rule in self._all()) and self.rule.ordered

    def shaped(self, value: Json, place: Place = ()) -> Json:
        """The value with every list inside it that has a rule of its own as an object of its members."""
        if isinstance(value, dict):
            return {key: self.shaped(inner, (*place, key)) for key, inner in value.items()}
        if not isinstance(value, list):
            return value
        inner = [self.shaped(each, (*place, "[]")) for each in value]
        rule = next((each for each in self.below if each.show == "list" and each.steps[1:] == tuple(place)), None)
        return inner if rule is None else _members(rule, value, inner)

    def _all(self) -> tuple[FieldRule, ...]:
        return (self.rule, *self.below)


def terms_of(policy: Policy, rule: FieldRule) -> Terms:
    """The terms for a whole field."""
    return Terms(rule=rule, below=policy.below(rule.field))


def _by_members(rule: FieldRule) -> bool:
    return len(rule.steps) > 1 and rule.show == "list"


def _members(rule: FieldRule, value: Sequence[Json], shaped: Sequence[Json]) -> Json:
    seen: Counter[str] = Counter()
    found: dict[str, Json] = {}
    order: list[Json] = []
    for each, inner in zip(value, shaped, strict=True):
        name = identify(each, rule.identity)
        seen[name] += 1
        found[label((name, seen[name]))] = inner
        order.append(label((name, seen[name])))
    return {**found, ORDER: order} if rule.ordered else found


def _leads_to(steps: Sequence[str], place: Place) -> bool:
    """Whether a path's steps begin this place; `[]` stands for any member."""
    return len(steps) <= len(place) and all(step in ("[]", found) for step, found in zip(steps, place, strict=False))
