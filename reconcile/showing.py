"""Showing a pair: its fields as the page lays them out, each by what the policy says it is."""

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import UNSET

from reconcile.difference import terms
from reconcile.evidence import UnitEvidence
from reconcile.marking import Row, marked, marked_markup
from reconcile.pair import Recorded
from reconcile.policy import Policy
from reconcile.ranking import Ranking, plain, ranking
from reconcile.rendering import highlighted
from reconcile.terms import Terms
from reconcile.values import Side


@dataclass(frozen=True, kw_only=True)
class ShownField:
    """One field of a pair. `state` is identical, tolerated, differing, or only (one path has it).

    Of `ranking` and `rows` at most one is there; without either the field is shown as the plain text of each
    side, None where a side lacks it. `rendered` is the markup of both sides with what differs highlighted.
    """

    name: str
    show: str
    state: str
    legacy: str | None
    event_driven: str | None
    ranking: Ranking | None = None
    rows: tuple[Row, ...] = ()
    rendered: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class ShownInput:
    """One input: its digest on each side, None where the path did not look at it."""

    name: str
    legacy: str | None
    event_driven: str | None


def shown_fields(unit: UnitEvidence, policy: Policy) -> Iterator[ShownField]:
    """Every field either side has: those of the policy in its order, then the others by name."""
    one, other = _fields(unit.pair.legacy), _fields(unit.pair.event_driven)
    ruled = [rule.field for rule in policy.top]
    for name in [*ruled, *sorted((one.keys() | other.keys()) - set(ruled))]:
        legacy, event_driven = one.get(name, UNSET), other.get(name, UNSET)
        if legacy is not UNSET or event_driven is not UNSET:
            yield _shown(terms(policy, name, legacy, event_driven), legacy, event_driven, unit)


def shown_inputs(unit: UnitEvidence) -> Iterator[ShownInput]:
    """Every input either path recorded, by name."""
    one = unit.pair.legacy.inputs if unit.pair.legacy else {}
    other = unit.pair.event_driven.inputs if unit.pair.event_driven else {}
    for name in sorted(one.keys() | other.keys()):
        yield ShownInput(name=name, legacy=one.get(name), event_driven=other.get(name))


def _fields(side: Recorded | None) -> dict[str, Side]:
    return {} if side is None else {**side.fields}


def _state(unit: UnitEvidence, name: str, legacy: Side, event_driven: Side) -> str:
    if legacy is UNSET or event_driven is UNSET:
        return "only"
    if any(difference.field == name for difference in unit.differences):
        return "differing"
    one, other = (side.get(name) for side in unit.compared)
    return "identical" if one == other else "tolerated"


def _shown(of_field: Terms, legacy: Side, event_driven: Side, unit: UnitEvidence) -> ShownField:
    """Both sides as they are; what is marked as different is what was compared, without what is no difference."""
    rule = of_field.rule
    state = _state(unit, rule.field, legacy, event_driven)
    table: Ranking | None = None
    rows: tuple[Row, ...] = ()
    one, other = (None if side is UNSET else plain(side) for side in (legacy, event_driven))
    if rule.show == "list":
        table = _ranking(of_field, legacy, event_driven)
    elif state == "differing" and rule.show != "number" and one is not None and other is not None:
        compared = [plain(side[rule.field]) for side in unit.compared]
        rows = tuple(marked_markup(*compared) if rule.show == "html" else marked(*compared))
    beside = rule.show == "html" and state in ("differing", "tolerated") and one is not None and other is not None
    return ShownField(
        name=rule.field,
        show=rule.show,
        state=state,
        legacy=one,
        event_driven=other,
        ranking=table,
        rows=rows,
        rendered=highlighted(one or "", other or "") if beside else None,
    )


def _ranking(of_field: Terms, legacy: Side, event_driven: Side) -> Ranking | None:
    one, other = ([] if side is UNSET else side for side in (legacy, event_driven))
    return ranking(of_field, one, other) if isinstance(one, list) and isinstance(other, list) else None
