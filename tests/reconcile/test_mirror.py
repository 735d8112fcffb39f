"""Reconciliation favours neither path, and its digests say what its policy says."""

import itertools
from dataclasses import replace

import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconcile import ReconciliationPlan, Totals, reconcile
from reconcile.late import LateEvents
from reconcile.pair import Pair, Recorded
from reconcile.policy import FieldRule, Policy
from reconcile.verdict import judge
from shadow.job import Job
from shadow.outcome import Fields, Outcome, digest, fingerprint, pack, unpack
from tests.reconcile.recorded_runs import PLAN, RecordedRun, sent, skipped, with_input
from tests.reconcile.test_differences import fields

MIRRORED = {"missing_in_legacy": "missing_in_event_driven", "missing_in_event_driven": "missing_in_legacy"}
UNITS = ("u1", "u2", "u3", "u4", "u5")
EXACT = ReconciliationPlan(
    job=Job(name="anything", normalise=lambda fields: fields),
    policy=Policy(
        name="exact",
        fields=(FieldRule(field="items", show="list", identity="id"), FieldRule(field="tags", show="list")),
    ),
)

_numbers = itertools.count(1)


def drawn(unit: str, what: tuple[str, float, str, str]) -> Outcome:
    book, score, reason, history = what
    outcome = skipped(unit, reason) if reason else sent(unit, (book, score), ("b9", 0.1))
    return with_input(outcome, history=history)


paths = st.dictionaries(
    st.sampled_from(UNITS),
    st.tuples(
        st.sampled_from(["b1", "b2", "b9"]),
        st.sampled_from([0.5, 0.5000001, 0.9]),
        st.sampled_from(["", "", "away", "gone"]),
        st.sampled_from(["h1", "h1", "h1", "h2"]),
    ),
)
Drawn = dict[str, tuple[str, float, str, str]]


def come_to(database: sa.Engine, legacy: Drawn, event_driven: Drawn) -> Totals:
    run = f"run {next(_numbers)}"
    RecordedRun(
        run=run,
        legacy={unit: drawn(unit, what) for unit, what in legacy.items()},
        event_driven={unit: drawn(unit, what) for unit, what in event_driven.items()},
    ).write(database)
    totals = reconcile(database, run, PLAN, code_version="abc")
    return replace(totals, run="", seconds={}, timings={})


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths, paths)
def test_reconciling_mirrors_when_the_paths_are_swapped(database: sa.Engine, one: Drawn, other: Drawn) -> None:
    there, back = come_to(database, one, other), come_to(database, other, one)
    assert {MIRRORED.get(kind, kind): number for kind, number in there.kinds.items()} == back.kinds
    assert replace(there, kinds={}) == replace(back, kinds={})


reasons = st.none() | st.sampled_from(["away", "gone"])


def recorded(values: Fields, reason: str | None) -> Recorded:
    decision = "skip" if reason else "send"
    return Recorded(
        decision="skip" if reason else "send",
        reason=reason,
        digest=digest(decision, reason, values).hex(),
        fingerprint=fingerprint({}).hex(),
        inputs={},
        fields=unpack(pack(values)),
    )


@settings(max_examples=300)
@given(fields, reasons, fields, reasons)
@example({"price": 0.0}, None, {"price": -0.0}, None)
@example({"tags": ["1"]}, "away", {"tags": [1]}, "away")
@example({}, "away", {}, "gone")
@example({}, None, {}, "away")
def test_without_tolerance_outcomes_match_exactly_where_their_digests_are_equal(
    one: Fields, reason: str | None, other: Fields, other_reason: str | None
) -> None:
    pair = Pair(unit="u", legacy=recorded(one, reason), event_driven=recorded(other, other_reason))
    assert pair.legacy is not None
    assert pair.event_driven is not None
    verdict = judge(EXACT, pair, LateEvents(()))
    equal = pair.legacy.digest == pair.event_driven.digest
    assert (verdict.ruling, verdict.kind is None) == (("match", True) if equal else ("mismatch", False))
    # Without its digests a pair says the same: nothing is found where nothing differs but a note that the digests do.
    blind = replace(pair, legacy=replace(pair.legacy, digest="00"))
    looked = judge(EXACT, blind, LateEvents(()))
    assert (looked.fields == ("digest",)) == equal
