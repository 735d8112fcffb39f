"""Verdicts: match, explained, mismatch or incomplete, decided for one pair from what is known of its run."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from reconcile.difference import Kind, differences, kinds, tolerated
from reconcile.late import LateEvent, LateEvents
from reconcile.pair import Pair, Recorded
from reconcile.plan import ReconciliationPlan
from shadow.outcome import Path

Ruling: TypeAlias = Literal["match", "explained", "mismatch", "incomplete"]

NAMED_PER_TYPE = 10
"""How many late events of one type a verdict names; more are only counted."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A late event that can have caused a difference."""

    id: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Causes:
    """Why a pair is not simply a match.

    `inputs` are those the paths did not see alike, `uncovered` those of them which no late event can have
    changed, `unfinished` the paths still missing or running. `unnamed` counts events beyond those in `events`.
    """

    events: tuple[Cause, ...] = ()
    unnamed: int = 0
    inputs: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    unfinished: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The verdict on one pair. `kind` is None if the outcomes are equal; `fields` are those that differ."""

    ruling: Ruling
    kind: Kind | None = None
    fields: tuple[str, ...] = ()
    causes: Causes = Causes()
    tolerated: tuple[str, ...] = ()


def judge(plan: ReconciliationPlan, pair: Pair, late: LateEvents, unfinished: tuple[Path, ...] = ()) -> Verdict:
    """The verdict on `pair`. Only equal inputs are compared: others are explained or incomplete, never a match.

    `unfinished` are the paths that have not finished this run; while there is one, a missing outcome says nothing.
    """
    if pair.legacy is None or pair.event_driven is None:
        return _missing(plan, pair, late, unfinished)
    kind, fields, forgiven = _compare(plan, pair.legacy, pair.event_driven)
    if pair.legacy.fingerprint != pair.event_driven.fingerprint:
        ruling, causes = _timing(plan, pair, late)
        return Verdict(ruling=ruling, kind=kind, fields=fields, causes=causes)
    ruling = "match" if kind is None else "mismatch"
    return Verdict(ruling=ruling, kind=kind, fields=fields, tolerated=forgiven)


def _missing(plan: ReconciliationPlan, pair: Pair, late: LateEvents, unfinished: tuple[Path, ...]) -> Verdict:
    kind: Kind = "missing_in_legacy" if pair.legacy is None else "missing_in_event_driven"
    if unfinished:
        return Verdict(ruling="incomplete", kind=kind, causes=Causes(unfinished=unfinished))
    events = [event for event in late.of_unit(pair.unit) if event.type in plan.creates]
    if events and pair.event_driven is None:
        return Verdict(ruling="explained", kind=kind, causes=_named(events))
    return Verdict(ruling="mismatch", kind=kind)


def _compare(
    plan: ReconciliationPlan, legacy: Recorded, event_driven: Recorded
) -> tuple[Kind | None, tuple[str, ...], tuple[str, ...]]:
    """The primary kind, the differing fields, the fields which only the policy makes equal.

    Digests that differ over equal contents mean that what is stored does not hold together: a difference.
    """
    if legacy.digest == event_driven.digest:
        return None, (), ()
    if legacy.decision != event_driven.decision:
        return "decision", ("decision",), ()
    one, other = plan.job.normalise(legacy.fields), plan.job.normalise(event_driven.fields)
    found = differences(plan.policy, one, other)
    names = tuple(difference.field for difference in found)
    forgiven = tolerated(plan.policy, one, other, found)
    if legacy.reason != event_driven.reason:
        return "decision", ("reason", *names), forgiven
    if not found:
        return (None, (), forgiven) if forgiven else ("value", ("digest",), ())
    return kinds(found)[0], names, forgiven


def _timing(plan: ReconciliationPlan, pair: Pair, late: LateEvents) -> tuple[Ruling, Causes]:
    inputs = pair.differing_inputs()
    covering = {name: _able(plan, late, pair.unit, name) for name in inputs}
    uncovered = tuple(name for name in inputs if not covering[name])
    causes = _named(event for events in covering.values() for event in events)
    explained = bool(inputs) and not uncovered
    return (
        "explained" if explained else "incomplete",
        Causes(events=causes.events, unnamed=causes.unnamed, inputs=inputs, uncovered=uncovered),
    )


def _able(plan: ReconciliationPlan, late: LateEvents, unit: str, name: str) -> tuple[LateEvent, ...]:
    types = plan.influences.get(name, frozenset())
    return late.able(types, unit, shared=name in plan.shared_inputs)


def _named(events: Iterable[LateEvent]) -> Causes:
    """The distinct events, in order, as far as each type's first few go."""
    seen: Counter[str] = Counter()
    named = []
    for event in dict.fromkeys(events):
        seen[event.type] += 1
        if seen[event.type] <= NAMED_PER_TYPE:
            named.append(Cause(id=event.event_id, type=event.type))
    return Causes(events=tuple(named), unnamed=seen.total() - len(named))
