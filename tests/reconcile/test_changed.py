"""A second look at a run judges only what changed, and comes to what a first look would have come to."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reconcile.reconciliation
from reconcile import ReconciliationPlan
from reconcile import reconcile as reconciled
from reconcile.late import LateEvents
from reconcile.pair import Pair
from reconcile.schema import reconciliations
from reconcile.verdict import Verdict, judge
from shadow import schema
from shadow.outcome import Outcome, Path, digest
from shadow.recorder import revise
from tests.reconcile.looking import RUN, change, forget, look, rows
from tests.reconcile.points import Account, Points, departing, plan_over
from tests.reconcile.recorded_runs import AT, PLAN, Late, RecordedRun, by_unit, of_every_kind, sent, with_input

PATHS: tuple[Path, Path] = ("legacy", "event_driven")

_numbers = itertools.count(1)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The units that were judged, in order."""
    units: list[str] = []

    def counting(plan: ReconciliationPlan, pair: Pair, late: LateEvents, *rest: object) -> Verdict:
        units.append(pair.unit)
        return judge(plan, pair, late, *rest)  # type: ignore[arg-type]  # handed on as they come

    monkeypatch.setattr(reconcile.reconciliation, "judge", counting)
    return units


EQUAL = {unit: sent(unit, ("b1", 0.5)) for unit in ("u1", "u2", "u3")}


def test_what_was_written_before_a_look_and_committed_after_it_is_seen_at_the_next_look(database: sa.Engine) -> None:
    RecordedRun(run=RUN, legacy=EQUAL, event_driven=EQUAL).write(database)
    with database.begin() as slow:
        revise(slow, PLAN.job, RUN, "event_driven", [sent("u1", ("b1", 0.9))])
        change(database, "event_driven", sent("u2", ("b1", 0.9)))  # begun later, committed earlier
        assert look(database).mismatch == 1
        assert rows(database).keys() == {"u2"}
        slow.commit()
    assert look(database).mismatch == 2
    assert rows(database).keys() == {"u1", "u2"}


def test_a_second_look_judges_only_what_changed(database: sa.Engine, judged: list[str]) -> None:
    of_every_kind().write(database)
    first = look(database)
    del judged[:]
    assert look(database) == first
    assert judged == []
    change(database, "event_driven", sent("u01", ("b1", 0.9), ("b2", 0.1)))
    assert look(database).mismatch == first.mismatch + 1
    assert judged == ["u01"]


def test_an_outcome_that_is_told_again_as_it_was_is_no_change(database: sa.Engine, judged: list[str]) -> None:
    run = of_every_kind()
    run.write(database)
    look(database)
    del judged[:]
    assert change(database, "event_driven", *run.event_driven.values()) == 0
    look(database)
    assert judged == []


def test_a_verdict_outlives_a_change_that_was_taken_back(database: sa.Engine) -> None:
    run = of_every_kind()
    run.write(database)
    first, before = look(database), rows(database)
    change(database, "event_driven", run.legacy["u03"])
    change(database, "event_driven", run.event_driven["u03"])
    assert look(database) == first
    assert rows(database) == before


def test_a_unit_that_is_new_and_was_revised_at_once_is_a_pair_more(database: sa.Engine) -> None:
    RecordedRun(run=RUN, legacy=EQUAL, event_driven=EQUAL).write(database)
    assert look(database).pairs == 3
    for path in PATHS:
        change(database, path, sent("u9", ("b1", 0.1)))
        change(database, path, sent("u9", ("b1", 0.2)))
    totals = look(database)
    assert (totals.pairs, totals.match, totals.due) == (4, 4, 4)


def test_what_was_incomplete_while_a_path_ran_is_judged_when_it_has_finished(database: sa.Engine) -> None:
    partly = {unit: EQUAL[unit] for unit in ("u1", "u2")}
    RecordedRun(run=RUN, legacy=EQUAL, event_driven=partly, unfinished=frozenset({"event_driven"})).write(database)
    assert look(database).incomplete == 1
    with database.begin() as connection:
        paths = schema.path_runs
        connection.execute(sa.update(paths).where(paths.c.path == "event_driven").values(finished_at=AT))
    totals = look(database)
    assert (totals.incomplete, totals.kinds) == (0, {"missing_in_event_driven": 1})


def test_a_late_event_that_becomes_known_is_taken_into_account(database: sa.Engine) -> None:
    legacy = with_input(EQUAL["u1"], history="h2")
    RecordedRun(run=RUN, legacy={**EQUAL, "u1": legacy}, event_driven=EQUAL).write(database)
    assert look(database).incomplete == 1
    with database.begin() as connection:
        late = Late(event_id="Borrowed:1", type="Borrowed", unit="u1")
        connection.execute(schema.late_events.insert(), {"run": RUN, **vars(late)})
    assert look(database).because == {"timing": 1}


def test_noise_that_is_measured_later_is_taken_into_account(database: sa.Engine) -> None:
    other = sent("u1", ("b1", 0.9))
    RecordedRun(run=RUN, legacy=EQUAL, event_driven={**EQUAL, "u1": other}).write(database)
    assert look(database).mismatch == 1
    with database.begin() as connection:
        again = {"run": RUN, "unit": "u1", "digest": digest(other.decision, other.reason, other.fields)}
        connection.execute(schema.noise.insert(), again)
    totals = look(database)
    assert (totals.mismatch, totals.because) == (0, {"noise": 1})
    assert totals.noise is not None
    assert (totals.noise.sampled, totals.noise.differing) == (1, 1)


def test_other_code_judges_everything_anew(database: sa.Engine, judged: list[str]) -> None:
    of_every_kind().write(database)
    look(database)
    number = len(judged)
    reconciled(database, RUN, PLAN, code_version="def")
    assert len(judged) == 2 * number


def test_a_database_that_was_restored_elsewhere_is_looked_at_anew(database: sa.Engine) -> None:
    RecordedRun(run=RUN, legacy=EQUAL, event_driven=EQUAL).write(database)
    look(database)
    with database.begin() as connection:
        table = reconciliations  # as another cluster, which had counted further, would have left it
        elsewhere = sa.func.jsonb_set(table.c.rests_on, sa.text("'{cluster}'"), sa.text("'\"another\"'"))
        connection.execute(sa.update(table).values(seen="999999999:999999999:", rests_on=elsewhere))
    change(database, "event_driven", sent("u1", ("b1", 0.9)))
    assert look(database).mismatch == 1


class Interrupted(Exception):
    """Somebody pressed Ctrl-C."""


def test_an_interrupted_reconciliation_goes_on_where_it_was(database: sa.Engine, judged: list[str]) -> None:
    legacy = {f"u{n:04d}": sent(f"u{n:04d}", ("b1", 0.5)) for n in range(1_300)}
    event_driven = {unit: sent(unit, ("b1", 0.6)) for unit in legacy}
    RecordedRun(run=RUN, legacy=legacy, event_driven=event_driven).write(database)

    def interrupting(done: int, _pairs: int) -> None:
        if done:
            raise Interrupted

    for _ in range(2):
        with pytest.raises(Interrupted):
            reconciled(database, RUN, PLAN, code_version="abc", progress=interrupting)
    totals, found = look(database), rows(database)
    assert sorted(judged) == sorted(legacy)
    forget(database)
    assert (look(database), rows(database)) == (totals, found)


def test_interrupted_while_explaining_it_judges_nothing_twice(database: sa.Engine, judged: list[str]) -> None:
    accounts = {f"u{n}": Account(amounts=(30, -4, n)) for n in range(5)}
    usual = Points(accounts).outcomes(list(accounts))
    departs = {unit: departing(outcome, n + 56) for n, (unit, outcome) in enumerate(usual.items())}
    RecordedRun(run=RUN, legacy=usual, event_driven=departs).write(database)
    plan = plan_over(Points(accounts))

    def interrupting(_done: int, _pairs: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        reconciled(database, RUN, plan, code_version="abc", explaining=interrupting)
    totals = look(database, plan=plan)
    assert sorted(judged) == sorted(accounts)
    assert (totals.mismatch, totals.unexplained) == (5, 0)


outcomes = st.sampled_from(
    [
        ("b1", 0.5, "h1"),
        ("b1", 0.5000001, "h1"),
        ("b1", 0.9, "h1"),
        ("b2", 0.5, "h1"),
        ("b1", 0.5, "h2"),
    ]
)
UNITS = ("u1", "u2", "u3", "u4")
steps = st.lists(
    st.none() | st.tuples(st.sampled_from(["legacy", "event_driven"]), st.sampled_from(UNITS), outcomes), max_size=12
)
firsts = st.dictionaries(st.sampled_from(UNITS), outcomes)


def outcome(unit: str, drawn: tuple[str, float, str]) -> Outcome:
    book, score, history = drawn
    return with_input(sent(unit, (book, score)), history=history)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(legacy=firsts, event_driven=firsts, steps=steps)
def test_looking_again_comes_to_what_looking_once_would(
    database: sa.Engine,
    legacy: dict[str, tuple[str, float, str]],
    event_driven: dict[str, tuple[str, float, str]],
    steps: Sequence[tuple[Path, str, tuple[str, float, str]] | None],
) -> None:
    """A step revises an outcome, or looks."""
    run = f"run {next(_numbers)}"
    RecordedRun(
        run=run,
        legacy={unit: outcome(unit, drawn) for unit, drawn in legacy.items()},
        event_driven={unit: outcome(unit, drawn) for unit, drawn in event_driven.items()},
        late=[Late(event_id="Borrowed:1", type="Borrowed", unit="u1")],
    ).write(database)
    look(database, run)
    for step in steps:
        if step is None:
            look(database, run)
        else:
            path, unit, drawn = step
            change(database, path, outcome(unit, drawn), run=run)
    again, kept = look(database, run), rows(database, run)
    forget(database, run)
    once = look(database, run)
    assert replace(again, timings={}) == replace(once, timings={})
    assert kept == rows(database, run)


def test_changed_units_are_those_of_this_run_only(database: sa.Engine) -> None:
    RecordedRun(run=RUN, legacy=EQUAL, event_driven=EQUAL).write(database)
    other = RecordedRun(run="2026-W48", legacy=EQUAL, event_driven=by_unit(*EQUAL.values()))
    other.write(database)
    look(database)
    change(database, "event_driven", sent("u1", ("b1", 0.9)), run="2026-W48")
    assert look(database).mismatch == 0
    assert look(database, "2026-W48").mismatch == 1


def test_what_other_code_began_and_did_not_end_leaves_nothing_to_go_on_from(database: sa.Engine) -> None:
    legacy = {f"u{n}": sent(f"u{n}", ("b1", 0.5)) for n in range(600)}
    event_driven = {unit: sent(unit, ("b1", 0.9)) for unit in legacy}
    RecordedRun(run="2026-W47", legacy=legacy, event_driven=event_driven).write(database)
    assert reconciled(database, "2026-W47", PLAN, code_version="old").mismatch == 600

    def stop(done: int, _: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconciled(database, "2026-W47", PLAN, code_version="new", progress=stop)
    assert reconciled(database, "2026-W47", PLAN, code_version="old").mismatch == 600
