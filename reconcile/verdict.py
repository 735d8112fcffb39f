"""Verdicts: match, explained, mismatch or incomplete, decided for one pair from what is known of its run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from reconcile.difference import differences, kinds, tolerated
from reconcile.finding import Finding
from reconcile.kinds import Kind, primary
from reconcile.late import LateEvent, LateEvents
from reconcile.pair import Pair, Recorded
from reconcile.plan import ReconciliationPlan
from shadow.outcome import Path

Ruling: TypeAlias = Literal["match", "explained", "mismatch", "incomplete"]
Because: TypeAlias = Literal["timing", "noise", "accepted"]

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
    """The verdict on one pair. `kind` is None if the outcomes are equal; `fields` are those that differ.

    `because` says what explains an explained pair; `accepted` names the accepted difference. `findings` are what replay
    says: one for each path that departs from the rule. `examined`: replay has had its say, or has nothing to say.
    """

    ruling: Ruling
    kind: Kind | None = None
    fields: tuple[str, ...] = ()
    causes: Causes = Causes()
    tolerated: tuple[str, ...] = ()
    because: Because | None = None
    accepted: str | None = None
    findings: tuple[Finding, ...] = ()
    examined: bool = False

    @property
    def unexplained(self) -> bool:
        """Whether this is a mismatch of which nothing says how it came about; that an outcome is missing never does."""
        if self.ruling != "mismatch":
            return False
        missing = self.kind is not None and self.kind.startswith("missing")
        return missing or not (self.findings and all(each.explains for each in self.findings))


NO_NOISE: Mapping[str, str] = {}


def judge(
    plan: ReconciliationPlan,
    pair: Pair,
    late: LateEvents,
    unfinished: tuple[Path, ...] = (),
    noise: Mapping[str, str] = NO_NOISE,
) -> Verdict:
    """The verdict on `pair`, as far as it can be told without replay.

    Only equal inputs are compared: others are explained or incomplete, never a match. `unfinished` are the paths that
    have not finished this run; while there is one, a missing outcome says nothing. `noise` has the digest of what the
    legacy path came to when it did the same a second time, for those units where that was something else.
    """
    if pair.legacy is None or pair.event_driven is None:
        return _missing(plan, pair, late, unfinished)
    kind, fields, forgiven = _compare(plan, pair.legacy, pair.event_driven)
    if pair.legacy.fingerprint != pair.event_driven.fingerprint:
        return _unequal(Verdict(ruling="incomplete", kind=kind, fields=fields), plan, pair, late)
    if kind is None:
        return Verdict(ruling="match", tolerated=forgiven, examined=True)
    if noise.get(pair.unit) == pair.event_driven.digest:
        return Verdict(ruling="explained", because="noise", kind=kind, fields=fields, examined=True)
    return Verdict(ruling="mismatch", kind=kind, fields=fields, tolerated=forgiven)


def accepted(plan: ReconciliationPlan, verdict: Verdict) -> Verdict:
    """The verdict, in which a mismatch that the policy accepts is explained."""
    if verdict.ruling != "mismatch":
        return verdict
    cause = verdict.findings[0].suspect if len(verdict.findings) == 1 else None
    for each in plan.policy.accepted:
        if each.takes(kind=verdict.kind, fields=verdict.fields, cause=cause):
            return replace(verdict, ruling="explained", because="accepted", accepted=each.name)
    return verdict


def _missing(plan: ReconciliationPlan, pair: Pair, late: LateEvents, unfinished: tuple[Path, ...]) -> Verdict:
    kind = Kind("missing_in_legacy" if pair.legacy is None else "missing_in_event_driven")
    if unfinished:
        return Verdict(ruling="incomplete", kind=kind, causes=Causes(unfinished=unfinished), examined=True)
    events = [event for event in late.of_unit(pair.unit) if event.type in plan.creates]
    if events and pair.event_driven is None:
        return Verdict(ruling="explained", because="timing", kind=kind, causes=_named(events))
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
        return _decided(plan, legacy.reason or event_driven.reason), ("decision",), ()
    one, other = plan.policy.normalise_both(legacy.fields, event_driven.fields)
    found = differences(plan.policy, one, other)
    names = tuple(difference.field for difference in found)
    forgiven = tolerated(plan.policy, one, other, found)
    if legacy.reason != event_driven.reason:
        return Kind("eligibility"), ("reason", *names), forgiven
    if not found:
        return (None, (), forgiven) if forgiven else (Kind("value"), ("digest",), ())
    return primary(kinds(found)), names, forgiven


def _decided(plan: ReconciliationPlan, reason: str | None) -> Kind:
    """The kind of a pair of which one path sends and the other skips for `reason`."""
    return Kind("eligibility" if reason in plan.eligibility else "decision")


def _unequal(compared: Verdict, plan: ReconciliationPlan, pair: Pair, late: LateEvents) -> Verdict:
    """The verdict on a pair whose paths did not see the same: late events must account for every input."""
    inputs = pair.differing_inputs()
    covering = {name: _able(plan, late, pair.unit, name) for name in inputs}
    uncovered = tuple(name for name in inputs if not covering[name])
    causes = _named(event for events in covering.values() for event in events)
    told = replace(causes, inputs=inputs, uncovered=uncovered)
    if inputs and not uncovered:
        return replace(compared, ruling="explained", because="timing", causes=told)
    return replace(compared, causes=told)


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
