"""Verdicts: only equal inputs are compared, and timing explains only what it can have caused."""

from dataclasses import dataclass, replace

import pytest

from reconcile.late import LateEvent, LateEvents
from reconcile.pair import Pair, Recorded
from reconcile.plan import ReconciliationPlan
from reconcile.policy import FieldRule, Policy
from reconcile.verdict import NAMED_PER_TYPE, Cause, judge
from shadow.job import Job
from shadow.outcome import Decision, Fields, Path, digest, fingerprint

PLAN = ReconciliationPlan(
    job=Job(name="standing orders", normalise=lambda fields: fields),
    policy=Policy(name="amounts", fields=(FieldRule(field="amount", show="number"),)),
    influences={"account": frozenset({"AccountChanged"}), "rates": frozenset({"RateChanged", "AccountChanged"})},
    shared_inputs=frozenset({"rates"}),
    creates=frozenset({"AccountOpened"}),
)

INPUTS = {"account": "1", "rates": "1"}
OTHER_ACCOUNT = {"account": "2", "rates": "1"}
OTHER_RATES = {"account": "1", "rates": "2"}
BOTH_OTHER = {"account": "2", "rates": "2"}


def recorded(
    amount: int = 1,
    inputs: dict[str, str] | None = None,
    *,
    decision: Decision = "send",
    reason: str | None = None,
) -> Recorded:
    fields: Fields = {"amount": amount}
    seen = INPUTS if inputs is None else inputs
    return Recorded(
        decision=decision,
        reason=reason,
        digest=digest(decision, reason, fields).hex(),
        fingerprint=fingerprint(seen).hex(),
        inputs=seen,
        fields=fields,
    )


def account(unit: str | None, event_id: str = "e1") -> LateEvent:
    return LateEvent(event_id=event_id, type="AccountChanged", unit=unit)


def rate(unit: str | None, event_id: str = "r1") -> LateEvent:
    return LateEvent(event_id=event_id, type="RateChanged", unit=unit)


def opened(unit: str) -> LateEvent:
    return LateEvent(event_id="o1", type="AccountOpened", unit=unit)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One pair and what is to be said of it."""

    says: str
    legacy: Recorded | None
    event_driven: Recorded | None
    late: tuple[LateEvent, ...] = ()
    unfinished: tuple[Path, ...] = ()
    ruling: str
    kind: str | None = None
    uncovered: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()


CASES = [
    Case(says="equal", legacy=recorded(), event_driven=recorded(), ruling="match"),
    Case(says="a value differs", legacy=recorded(1), event_driven=recorded(2), ruling="mismatch", kind="value"),
    Case(
        says="a late event does not excuse equal inputs",
        legacy=recorded(1),
        event_driven=recorded(2),
        late=(account("u"),),
        ruling="mismatch",
        kind="value",
    ),
    Case(
        says="one sends and one skips",
        legacy=recorded(),
        event_driven=recorded(decision="skip", reason="closed"),
        ruling="mismatch",
        kind="decision",
    ),
    Case(
        says="they skip for different reasons",
        legacy=recorded(decision="skip", reason="empty"),
        event_driven=recorded(decision="skip", reason="closed"),
        ruling="mismatch",
        kind="eligibility",
    ),
    Case(
        says="other inputs, covered by an event of the unit",
        legacy=recorded(1, OTHER_ACCOUNT),
        event_driven=recorded(2),
        late=(account("u"),),
        ruling="explained",
        kind="value",
        causes=("e1",),
    ),
    Case(
        says="other inputs, covered by an event that concerns every unit",
        legacy=recorded(1, OTHER_ACCOUNT),
        event_driven=recorded(2),
        late=(account(None),),
        ruling="explained",
        kind="value",
        causes=("e1",),
    ),
    Case(
        says="I7 equal outcomes from other inputs are never a match",
        legacy=recorded(1, OTHER_ACCOUNT),
        event_driven=recorded(1),
        late=(account("u"),),
        ruling="explained",
        causes=("e1",),
    ),
    Case(
        says="I7 equal outcomes from other inputs without an event are incomplete",
        legacy=recorded(1, OTHER_ACCOUNT),
        event_driven=recorded(1),
        ruling="incomplete",
        uncovered=("account",),
    ),
    Case(
        says="another unit's event explains nothing",
        legacy=recorded(1, OTHER_ACCOUNT),
        event_driven=recorded(2),
        late=(account("v"),),
        ruling="incomplete",
        kind="value",
        uncovered=("account",),
    ),
    Case(
        says="another unit's event explains a shared input",
        legacy=recorded(1, OTHER_RATES),
        event_driven=recorded(2),
        late=(account("v"),),
        ruling="explained",
        kind="value",
        causes=("e1",),
    ),
    Case(
        says="an event of a type that cannot change the input explains nothing",
        legacy=recorded(1, OTHER_ACCOUNT),
        event_driven=recorded(2),
        late=(rate("u"),),
        ruling="incomplete",
        kind="value",
        uncovered=("account",),
    ),
    Case(
        says="every differing input has to be covered",
        legacy=recorded(1, BOTH_OTHER),
        event_driven=recorded(2),
        late=(rate("v"),),
        ruling="incomplete",
        kind="value",
        uncovered=("account",),
        causes=("r1",),
    ),
    Case(
        says="an input only one path looked at differs",
        legacy=recorded(1, {"account": "1"}),
        event_driven=recorded(1),
        ruling="incomplete",
        uncovered=("rates",),
    ),
    Case(
        says="an input the plan does not know is never covered",
        legacy=recorded(1, {**INPUTS, "weather": "1"}),
        event_driven=recorded(1),
        late=(account("u"), rate(None)),
        ruling="incomplete",
        uncovered=("weather",),
    ),
    Case(
        says="missing in a finished path",
        legacy=recorded(),
        event_driven=None,
        ruling="mismatch",
        kind="missing_in_event_driven",
    ),
    Case(
        says="missing in the other finished path",
        legacy=None,
        event_driven=recorded(),
        ruling="mismatch",
        kind="missing_in_legacy",
    ),
    Case(
        says="missing, and the unit came into being late",
        legacy=recorded(),
        event_driven=None,
        late=(opened("u"),),
        ruling="explained",
        kind="missing_in_event_driven",
        causes=("o1",),
    ),
    Case(
        says="missing, and the unit has a late event that did not bring it into being",
        legacy=recorded(),
        event_driven=None,
        late=(rate("u"),),
        ruling="mismatch",
        kind="missing_in_event_driven",
    ),
    Case(
        says="missing where the unit must have been known before",
        legacy=None,
        event_driven=recorded(),
        late=(opened("u"),),
        ruling="mismatch",
        kind="missing_in_legacy",
    ),
    Case(
        says="missing, and only others have a late event",
        legacy=recorded(),
        event_driven=None,
        late=(rate(None), account("v")),
        ruling="mismatch",
        kind="missing_in_event_driven",
    ),
    Case(
        says="missing while a path is unfinished",
        legacy=recorded(),
        event_driven=None,
        late=(account("u"),),
        unfinished=("event_driven",),
        ruling="incomplete",
        kind="missing_in_event_driven",
    ),
    Case(
        says="a pair is judged although a path is unfinished",
        legacy=recorded(1),
        event_driven=recorded(2),
        unfinished=("legacy",),
        ruling="mismatch",
        kind="value",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_I7_only_equal_inputs_are_compared(case: Case) -> None:
    pair = Pair(unit="u", legacy=case.legacy, event_driven=case.event_driven)
    verdict = judge(PLAN, pair, LateEvents(case.late), case.unfinished)
    assert (verdict.ruling, verdict.kind) == (case.ruling, case.kind)
    assert verdict.causes.uncovered == case.uncovered
    assert tuple(event.id for event in verdict.causes.events) == case.causes
    assert verdict.causes.unfinished == (case.unfinished if case.ruling == "incomplete" else ())


def test_causes_are_named_with_their_type_and_counted_beyond_the_first_few() -> None:
    late = LateEvents([account(f"v{n}", f"e{n:02d}") for n in range(30)] + [account("u", "own"), rate(None)])
    pair = Pair(unit="u", legacy=recorded(1, OTHER_RATES), event_driven=recorded(1))
    causes = judge(PLAN, pair, late).causes
    assert causes.events[:2] == (Cause(id="own", type="AccountChanged"), Cause(id="r1", type="RateChanged"))
    assert (len(causes.events), causes.unnamed) == (NAMED_PER_TYPE + 1, 31 - NAMED_PER_TYPE)


def test_digests_that_differ_over_equal_contents_are_a_difference() -> None:
    broken = replace(recorded(), digest="00")
    verdict = judge(PLAN, Pair(unit="u", legacy=recorded(), event_driven=broken), LateEvents(()))
    assert (verdict.ruling, verdict.fields) == ("mismatch", ("digest",))
