"""Values: where two JSON values differ on the terms of their field, found by DeepDiff."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias, cast

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
        return () if alike(legacy, event_driven, terms, at) else (_whole(legacy, event_driven),)
    from reconcile.deep import deep_changes

    one, other = (terms.shaped(value, at) if terms else value for value in (legacy, event_driven))
    # DeepDiff lists places in an order that changes with the hash seed.
    found = tuple(sorted(deep_changes(one, other, terms, at), key=_place))
    if not found and (terms is None or terms.exact):
        return (_whole(legacy, event_driven),)
    return found


def alike(legacy: object, event_driven: object, terms: Terms | None, at: Place) -> bool:
    """Whether these are two numbers, as close as the tolerance of their place says."""
    tolerance = terms.tolerance(at) if terms else None
    return (
        tolerance is not None
        and _is_number(legacy)
        and _is_number(event_driven)
        and within(cast(float, legacy), cast(float, event_driven), tolerance)
    )


def within(one: float, other: float, tolerance: Tolerance) -> bool:
    """Whether two numbers are as close as the tolerance says, in exact arithmetic on their decimal forms.

    In floating point 0.500001 and 0.5 are more than 0.000001 apart.
    """
    a, b = Fraction(repr(one)), Fraction(repr(other))
    allowed = max(Fraction(repr(tolerance.absolute)), Fraction(repr(tolerance.relative)) * max(abs(a), abs(b)))
    return abs(a - b) <= allowed


def _whole(legacy: Json, event_driven: Json) -> Change:
    return Change(at=(), legacy=legacy, event_driven=event_driven)


def _has_parts(value: Json) -> bool:
    return isinstance(value, list | dict)


def _place(change: Change) -> list[tuple[bool, str | int]]:
    return [(isinstance(step, str), step) for step in change.at]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
