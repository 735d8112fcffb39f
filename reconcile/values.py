"""Values: where two JSON values differ on the terms of their field, found by DeepDiff."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias, cast

from deepdiff import DeepDiff
from deepdiff.helper import notpresent
from deepdiff.operator import BaseOperator
from msgspec import UNSET, UnsetType

from reconcile.canonical import canonical
from reconcile.grants import Tolerance
from reconcile.terms import Place, Terms
from shadow.outcome import Json

Side: TypeAlias = "Json | UnsetType"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One place where the paths differ: keys and indices leading to it, and what each path has there."""

    at: tuple[str | int, ...]
    legacy: Side = UNSET
    event_driven: Side = UNSET


def changes(legacy: Json, event_driven: Json, terms: Terms | None = None, at: Place = ()) -> tuple[Change, ...]:
    """The places where two values differ; lists are compared rank by rank unless the terms say how to tell members.

    `at` is where in the field the values lie. Without terms equal means identical in the canonical form: 1 and 1.0
    differ, as do 0.0 and -0.0.
    """
    if canonical(legacy) == canonical(event_driven):
        return ()
    if not (_has_parts(legacy) and _has_parts(event_driven)):
        return (
            ()
            if _forgiven(legacy, event_driven, terms, at)
            else (Change(at=(), legacy=legacy, event_driven=event_driven),)
        )
    one, other = (terms.shaped(value, at) if terms else value for value in (legacy, event_driven))
    # DeepDiff lists places in an order that changes with the hash seed.
    found = tuple(sorted(_found(deep_diff(one, other, *([_Tolerance(terms, at)] if terms else []))), key=_place))
    if not found and (terms is None or terms.exact):
        return (Change(at=(), legacy=legacy, event_driven=event_driven),)
    return found


def _has_parts(value: Json) -> bool:
    return isinstance(value, list | dict)


def _forgiven(legacy: Json, event_driven: Json, terms: Terms | None, at: Place) -> bool:
    """Whether these are two numbers, as close as the tolerance of their place says."""
    tolerance = terms.tolerance(at) if terms else None
    both = _is_number(legacy) and _is_number(event_driven)
    return tolerance is not None and both and within(cast(float, legacy), cast(float, event_driven), tolerance)


def deep_diff(legacy: Json, event_driven: Json, *operators: BaseOperator) -> DeepDiff:
    """What DeepDiff says of two values: every place by itself, rank by rank, whatever a key looks like."""
    return DeepDiff(
        legacy,
        event_driven,
        view="tree",
        zip_ordered_iterables=True,
        threshold_to_diff_deeper=0,
        ignore_private_variables=False,
        custom_operators=list(operators) or None,
    )


def within(one: float, other: float, tolerance: Tolerance) -> bool:
    """Whether two numbers are as close as the tolerance says, in exact arithmetic on their decimal forms.

    In floating point 0.500001 and 0.5 are more than 0.000001 apart.
    """
    a, b = Fraction(repr(one)), Fraction(repr(other))
    allowed = max(Fraction(repr(tolerance.absolute)), Fraction(repr(tolerance.relative)) * max(abs(a), abs(b)))
    return abs(a - b) <= allowed


class _Level(Protocol):
    """What we read of a place in DeepDiff's tree."""

    t1: object
    t2: object

    def path(self, *, output_format: str) -> list[str | int]: ...


class _Tolerance(BaseOperator):
    """Numbers within the tolerance of their place are equal. (DeepDiff's own math_epsilon is one for all places.)"""

    def __init__(self, terms: Terms, at: Place) -> None:
        super().__init__(types=[int, float])
        self._terms = terms
        self._at = at

    def match(self, level: _Level) -> bool:
        return _is_number(level.t1) and _is_number(level.t2)

    def give_up_diffing(self, level: _Level, diff_instance: DeepDiff) -> bool:  # noqa: ARG002  DeepDiff's signature
        place = (*self._at, *level.path(output_format="list"))
        return _forgiven(cast(Json, level.t1), cast(Json, level.t2), self._terms, place)


def _found(diff: DeepDiff) -> Iterator[Change]:
    for levels in diff.values():
        for level in levels:
            at = tuple(level.path(output_format="list"))
            yield Change(at=at, legacy=_side(level.t1), event_driven=_side(level.t2))


def _place(change: Change) -> list[tuple[bool, str | int]]:
    return [(isinstance(step, str), step) for step in change.at]


def _side(value: object) -> Side:
    return UNSET if value is notpresent else cast(Json, value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
