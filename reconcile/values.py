"""Values: where two JSON values differ, to within an absolute tolerance for numbers, found by DeepDiff."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias, cast

import msgspec
from deepdiff import DeepDiff
from deepdiff.helper import notpresent
from deepdiff.operator import BaseOperator
from msgspec import UNSET, UnsetType

from shadow.outcome import Json

Side: TypeAlias = "Json | UnsetType"

_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One place where the paths differ: keys and indices leading to it, and what each path has there."""

    at: tuple[str | int, ...]
    legacy: Side = UNSET
    event_driven: Side = UNSET


def canonical(value: Json) -> bytes:
    """The bytes of a value as they enter an outcome's digest."""
    return _encoder.encode(value)


def changes(legacy: Json, event_driven: Json, tolerance: float = 0.0) -> tuple[Change, ...]:
    """The places where two values differ by more than `tolerance`; lists are compared rank by rank.

    Without a tolerance equal means identical in the canonical form: 1 and 1.0 differ, as do 0.0 and -0.0.
    """
    if canonical(legacy) == canonical(event_driven):
        return ()
    # DeepDiff lists places in an order that changes with the hash seed.
    found = tuple(sorted(_found(_deep_diff(legacy, event_driven, tolerance)), key=_place))
    if not found and tolerance == 0:
        return (Change(at=(), legacy=legacy, event_driven=event_driven),)
    return found


def within(one: float, other: float, tolerance: float) -> bool:
    """Whether two numbers are at most `tolerance` apart, in exact arithmetic on their decimal forms.

    In floating point 0.500001 and 0.5 are more than 0.000001 apart.
    """
    return abs(Fraction(repr(one)) - Fraction(repr(other))) <= Fraction(repr(tolerance))


class _Level(Protocol):
    """What we read of a place in DeepDiff's tree."""

    t1: object
    t2: object

    def path(self, *, output_format: str) -> list[str | int]: ...


class _Tolerance(BaseOperator):
    """Numbers within an absolute tolerance are equal. (DeepDiff's own math_epsilon adds a relative one.)"""

    def __init__(self, tolerance: float) -> None:
        super().__init__(types=[int, float])
        self._tolerance = tolerance

    def match(self, level: _Level) -> bool:
        return _is_number(level.t1) and _is_number(level.t2)

    def give_up_diffing(self, level: _Level, diff_instance: DeepDiff) -> bool:  # noqa: ARG002  DeepDiff's signature
        return within(cast(float, level.t1), cast(float, level.t2), self._tolerance)


def _deep_diff(legacy: Json, event_driven: Json, tolerance: float) -> DeepDiff:
    return DeepDiff(
        legacy,
        event_driven,
        view="tree",
        zip_ordered_iterables=True,
        threshold_to_diff_deeper=0,
        ignore_private_variables=False,
        custom_operators=[_Tolerance(tolerance)] if tolerance > 0 else None,
    )


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
