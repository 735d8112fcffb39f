"""DeepDiff, asked the way we need it. Imported when first used and not before.

It imports whatever data frames are installed beside it, and some of those start threads, which no process that forks
must have.
"""

from collections.abc import Iterator
from typing import Protocol, cast

from deepdiff import DeepDiff
from deepdiff.helper import notpresent
from deepdiff.operator import BaseOperator
from msgspec import UNSET

from reconcile.terms import Place, Terms
from reconcile.values import Change, Side, alike
from shadow.outcome import Json


def deep_changes(legacy: Json, event_driven: Json, terms: Terms | None, at: Place) -> Iterator[Change]:
    """The places where two values differ on these terms, in no particular order; lists are compared rank by rank."""
    diff = deep_diff(legacy, event_driven, *([_Tolerance(terms, at)] if terms else []))
    for levels in diff.values():
        for level in levels:
            found = tuple(level.path(output_format="list"))
            yield Change(at=found, legacy=_side(level.t1), event_driven=_side(level.t2))


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
        return alike(level.t1, level.t2, self._terms, (*self._at, *level.path(output_format="list")))


def _side(value: object) -> Side:
    return UNSET if value is notpresent else cast(Json, value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
