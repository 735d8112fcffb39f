"""Reconciliation of recorded runs, on a real database."""

from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from reconcile import FieldRule, GrantExpired, Policy, ReconciliationPlan, Totals, UnknownRun, reconcile
from reconcile.measures import Timing
from reconcile.schema import comparisons, reconciliations
from shadow.job import Job
from shadow.outcome import Fields, Json, Outcome, Path
from tests.reconcile.recorded_runs import PLAN, RecordedRun, by_unit, of_every_kind, sent, skipped

RUN = "2026-W47"
KINDS = ("missing_in_legacy", "missing_in_event_driven", "decision", "members", "order", "value", "text", "page")


def stored(database: sa.Engine) -> dict[str, tuple[str, str | None, list[str]]]:
    with database.connect() as connection:
        rows = connection.execute(sa.select(comparisons).order_by(comparisons.c.unit)).all()
    return {row.unit: (row.verdict, row.kind, row.fields) for row in rows}


def test_a_run_comes_to_totals_that_add_up(database: sa.Engine) -> None:
    of_every_kind().write(database)
    totals = reconcile(database, RUN, PLAN, code_version="abc")
    assert totals == Totals(
        run=RUN,
        pairs=13,
        match=3,
        explained=1,
        mismatch=8,
        incomplete=1,
        matched_within_tolerance=1,
        kinds=dict.fromkeys(KINDS, 1),
        fields={"items": 3, "text": 3, "page": 1, "decision": 1},
        tolerated={"items": 1},
        seconds={"legacy": 90.0, "event_driven": 2.0},
        due=13,
        unexplained=8,
        because={"timing": 1},
        timings={path: Timing(p50_ms=1.0, p99_ms=1.0, total_seconds=0.012) for path in ("legacy", "event_driven")},
    )
    assert totals.pairs == totals.match + totals.explained + totals.mismatch + totals.incomplete
    assert sum(totals.kinds.values()) == totals.mismatch


def test_every_pair_that_no_digest_settles_is_stored_with_its_verdict_kind_and_fields(database: sa.Engine) -> None:
    of_every_kind().write(database)
    reconcile(database, RUN, PLAN, code_version="abc")
    assert stored(database) == {
        "u02": ("match", None, []),
        "u03": ("mismatch", "members", ["items", "text"]),
        "u04": ("mismatch", "order", ["items", "text"]),
        "u05": ("mismatch", "value", ["items"]),
        "u06": ("mismatch", "text", ["text"]),
        "u07": ("mismatch", "page", ["page"]),
        "u08": ("mismatch", "decision", ["decision"]),
        "u09": ("explained", "members", ["items", "text"]),
        "u10": ("incomplete", None, []),
        "u11": ("mismatch", "missing_in_legacy", []),
        "u12": ("mismatch", "missing_in_event_driven", []),
    }


def test_causes_name_events_and_inputs(database: sa.Engine) -> None:
    of_every_kind().write(database)
    reconcile(database, RUN, PLAN, code_version="abc")
    with database.connect() as connection:
        rows = connection.execute(sa.select(comparisons.c.unit, comparisons.c.causes)).all()
    causes = {row.unit: row.causes for row in rows}
    assert causes["u09"]["events"] == [{"id": "Borrowed:77", "type": "Borrowed"}]
    assert causes["u09"]["inputs"] == ["history"]
    assert causes["u10"]["uncovered"] == ["catalogue"]


def test_reconciling_again_replaces_and_never_adds(database: sa.Engine) -> None:
    of_every_kind().write(database)
    first = reconcile(database, RUN, PLAN, code_version="abc")
    before = stored(database)
    assert reconcile(database, RUN, PLAN, code_version="def") == first
    assert stored(database) == before
    with database.connect() as connection:
        (row,) = connection.execute(sa.select(reconciliations)).all()
    assert (row.code_version, row.policy_digest) == ("def", PLAN.policy.digest())
    assert Totals.from_json(row.totals) == first


def test_reconciling_one_run_leaves_others_alone(database: sa.Engine) -> None:
    of_every_kind().write(database)
    of_every_kind("2026-W48").write(database)
    reconcile(database, RUN, PLAN, code_version="abc")
    reconcile(database, "2026-W48", PLAN, code_version="abc")
    reconcile(database, RUN, PLAN, code_version="abc")
    with database.connect() as connection:
        counted = connection.execute(sa.select(comparisons.c.run, sa.func.count()).group_by(comparisons.c.run))
        assert {tuple(row) for row in counted} == {(RUN, 11), ("2026-W48", 11)}


@pytest.mark.parametrize("state", ["unfinished", "absent"])
@pytest.mark.parametrize("path", ["legacy", "event_driven"])
def test_while_a_path_is_unfinished_what_lacks_a_pair_is_incomplete(
    database: sa.Engine, path: Path, state: str
) -> None:
    both = by_unit(sent("u1", ("b1", 0.5)), skipped("u2", "away"))
    run = RecordedRun(run=RUN, legacy=both, event_driven=both)
    if state == "absent":
        run = replace(run, absent=frozenset({path}))
    elif path == "legacy":
        run = replace(run, unfinished=frozenset({path}), legacy={"u1": both["u1"]})
    else:
        run = replace(run, unfinished=frozenset({path}), event_driven={"u1": both["u1"]})
    run.write(database)
    totals = reconcile(database, RUN, PLAN, code_version="abc")
    assert totals.unfinished == (path,)
    assert (totals.mismatch, totals.incomplete) == (0, 2 if state == "absent" else 1)
    assert totals.seconds[path] is None


def test_an_unknown_run_is_refused_with_the_known_ones(database: sa.Engine) -> None:
    with pytest.raises(UnknownRun, match="none has been opened yet"):
        reconcile(database, "2026-W01", PLAN, code_version="abc")
    of_every_kind().write(database)
    with pytest.raises(UnknownRun, match=r"'2026-W01' is unknown. Known runs: 2026-W47\."):
        reconcile(database, "2026-W01", PLAN, code_version="abc")


def test_an_expired_tolerance_is_refused_before_anything_is_compared(database: sa.Engine) -> None:
    of_every_kind().write(database)
    tolerance = PLAN.policy.fields[0].tolerance
    assert tolerance is not None
    expired = replace(PLAN.policy.fields[0], tolerance=replace(tolerance, expires=date(2020, 1, 1)))
    plan = replace(PLAN, policy=Policy(name="old", fields=(expired,)))
    with pytest.raises(GrantExpired, match="expired on 2020-01-01"):
        reconcile(database, RUN, plan, code_version="abc")
    assert stored(database) == {}


def test_progress_counts_up_to_all_pairs(database: sa.Engine) -> None:
    legacy = {f"u{n}": sent(f"u{n}", ("b1", 0.5)) for n in range(1_200)}
    event_driven = {f"u{n}": sent(f"u{n}", ("b1", 0.5 if n < 100 else 0.6)) for n in range(1_200)}
    RecordedRun(run=RUN, legacy=legacy, event_driven=event_driven).write(database)
    seen: list[tuple[int, int]] = []
    totals = reconcile(database, RUN, PLAN, code_version="abc", progress=lambda done, pairs: seen.append((done, pairs)))
    assert seen == [(100, 1_200), (600, 1_200), (1_100, 1_200), (1_200, 1_200)]
    assert totals.mismatch == 1_100


def test_another_job_with_other_fields_needs_no_other_code(database: sa.Engine) -> None:
    plan = ReconciliationPlan(
        job=Job(name="nightly interest", normalise=lambda fields: fields),
        policy=Policy(
            name="interest",
            fields=(
                FieldRule(field="cents", show="number"),
                FieldRule(field="bookings", show="list", identity="account", ordered=False),
            ),
        ),
        influences={"balance": frozenset({"MoneyMoved"})},
    )

    def interest(unit: str, cents: int, *accounts: str) -> Outcome:
        bookings: list[Json] = [{"account": account} for account in accounts]
        fields: Fields = {"cents": cents, "bookings": bookings}
        return Outcome(unit=unit, decision="send", fields=fields, inputs={"balance": "1"})

    RecordedRun(
        run="2026-11-20",
        legacy=by_unit(interest("k1", 5, "x", "y"), interest("k2", 5), interest("k3", 5, "x")),
        event_driven=by_unit(interest("k1", 5, "y", "x"), interest("k2", 6), interest("k3", 5, "z")),
    ).write(database)
    totals = reconcile(database, "2026-11-20", plan, code_version="abc")
    assert (totals.match, totals.matched_within_tolerance) == (1, 1)
    assert totals.tolerated == {"bookings": 1}
    assert totals.kinds == {"value": 1, "members": 1}
    assert totals.fields == {"cents": 1, "bookings": 1}
