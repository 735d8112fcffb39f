"""A judgement holds only as long as what it rests on is what it was."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa
from msgspec.structs import replace as with_fields

from reconcile import ReconciliationPlan, Report, make_report, reconcile
from reconcile.errors import UnknownReport
from reconcile.judgement import doubts, judge_statement, judgement, newest_judgement
from reconcile.statement import stored
from shadow import schema
from shadow.recorder import revise
from tests.reconcile.recorded_runs import AT, PLAN, RecordedRun, of_every_kind, sent

RUN = "2026-W47"
EQUAL = {unit: sent(unit, ("b1", 0.5), ("b2", 0.4)) for unit in ("u1", "u2", "u3")}
MADE = datetime(2026, 11, 20, 12, tzinfo=UTC)


def reported(database: sa.Engine, *runs: RecordedRun, plan: ReconciliationPlan = PLAN, code: str = "abc") -> Report:
    for run in runs:
        replace(run, code=code).write(database)
        reconcile(database, run.run, plan, code_version=code)
    return make_report(database, [run.run for run in runs], plan, code_version=code, made_at=MADE)


def doubted(database: sa.Engine, report: str) -> str:
    with database.connect() as connection:
        return " ".join(doubts(connection, judgement(connection, report)))


def edit(database: sa.Engine, statement: str) -> None:
    with database.begin() as connection:
        assert connection.execute(sa.text(statement)).rowcount > 0


def test_a_judgement_has_the_figures_of_its_report(database: sa.Engine) -> None:
    report = reported(database, of_every_kind())
    with database.connect() as connection:
        judged, newest = judgement(connection, report.digest[:12]), newest_judgement(connection)
    assert judged == newest == report.judgement
    assert (judged.runs, judged.pairs, judged.mismatches, judged.unexplained) == ((RUN,), 13, 8, 8)
    assert judged.coverage == pytest.approx(12 / 13)
    assert (judged.code_version, judged.policy, judged.made_at) == ("abc", PLAN.policy.digest(), MADE)


def test_evidence_that_nobody_touched_is_not_doubted(database: sa.Engine) -> None:
    assert doubted(database, reported(database, RecordedRun(run=RUN, legacy=EQUAL, event_driven=EQUAL)).digest) == ""


EDITED_OUTCOMES = [
    "UPDATE cutover.outcomes SET content = content || '\\x00' WHERE unit = 'u01' AND path = 'legacy'",
    "UPDATE cutover.outcomes SET digest = '\\x00' WHERE unit = 'u01' AND path = 'event_driven'",
    "UPDATE cutover.outcomes SET fingerprint = '\\x00' WHERE unit = 'u01' AND path = 'event_driven'",
    "UPDATE cutover.outcomes SET inputs = '{}' WHERE unit = 'u01' AND path = 'event_driven'",
    "UPDATE cutover.outcomes SET reason = 'gone' WHERE unit = 'u13' AND path = 'legacy'",
    "UPDATE cutover.outcomes SET unit = 'u99' WHERE unit = 'u11'",
    "DELETE FROM cutover.outcomes WHERE unit = 'u01'",
    "UPDATE cutover.outcomes SET decision = 'skip', reason = 'send' WHERE unit = 'u01' AND path = 'legacy'",
]
EDITED_VERDICTS = [
    "UPDATE cutover.comparisons SET verdict = 'match' WHERE unit = 'u03'",
    "UPDATE cutover.comparisons SET kind = 'order' WHERE unit = 'u03'",
    "UPDATE cutover.comparisons SET fields = '{items}' WHERE unit = 'u03'",
    "UPDATE cutover.comparisons SET fields = '{\"items,text\"}' WHERE unit = 'u03'",
    "UPDATE cutover.comparisons SET causes = '{}' WHERE unit = 'u10'",
    "UPDATE cutover.comparisons SET tolerated = '{}' WHERE unit = 'u02'",
    'UPDATE cutover.comparisons SET findings = \'[{"path": "legacy", "suspect": "x", "says": ""}]\''
    " WHERE unit = 'u03'",
    "UPDATE cutover.comparisons SET verdict = 'explained', because = 'accepted', accepted = 'x' WHERE unit = 'u03'",
    "UPDATE cutover.comparisons SET kind = NULL, accepted = kind WHERE unit = 'u03'",
    "DELETE FROM cutover.comparisons WHERE unit = 'u03'",
]


def doubted_after(database: sa.Engine, report: str, statement: str) -> str:
    """What would be doubted if somebody did this; nobody does."""
    with database.connect() as connection:
        assert connection.execute(sa.text(statement)).rowcount > 0
        return " ".join(doubts(connection, judgement(connection, report)))


def test_an_edited_outcome_is_noticed(database: sa.Engine) -> None:
    digest = reported(database, of_every_kind()).digest
    for statement in EDITED_OUTCOMES:
        said = doubted_after(database, digest, statement)
        assert f"Outcomes of run {RUN} are no longer those that were judged." in said, statement


def test_an_edited_verdict_is_noticed(database: sa.Engine) -> None:
    digest = reported(database, of_every_kind()).digest
    for statement in EDITED_VERDICTS:
        said = doubted_after(database, digest, statement)
        assert f"Verdicts of run {RUN} are no longer those that were reported." in said, statement


def test_an_edited_report_is_noticed(database: sa.Engine) -> None:
    digest = reported(database, of_every_kind()).digest
    other = reported(database, RecordedRun(run="2026-W48", legacy=EQUAL, event_driven=EQUAL)).digest
    with database.connect() as connection:
        judged = judgement(connection, digest)
    edit(
        database,
        "UPDATE cutover.reports SET content = (SELECT content FROM cutover.reports"
        f" WHERE digest = '{other}') WHERE digest = '{digest}'",
    )
    with database.connect() as connection:
        assert doubts(connection, judged) == (f"Report {digest[:12]} is gone, or was edited after it was made.",)
        with pytest.raises(UnknownReport):
            judgement(connection, digest)


def test_a_report_that_is_gone_is_noticed(database: sa.Engine) -> None:
    report = reported(database, of_every_kind())
    assert report.judgement is not None
    edit(database, "DELETE FROM cutover.reports")
    with database.connect() as connection:
        assert "is gone" in doubts(connection, report.judgement)[0]
        assert newest_judgement(connection) is None


def test_an_outcome_revised_after_the_report_is_noticed_also_when_it_was_reconciled_again(database: sa.Engine) -> None:
    digest = reported(database, RecordedRun(run=RUN, legacy=EQUAL, event_driven=EQUAL)).digest
    with database.begin() as connection:
        revise(connection, PLAN.job, RUN, "event_driven", [sent("u1", ("b1", 0.9))])
    assert "Outcomes of run" in doubted(database, digest)
    reconcile(database, RUN, PLAN, code_version="abc")
    said = doubted(database, digest)
    assert "Outcomes of run" in said
    assert "Verdicts of run" in said


@pytest.mark.parametrize(("later", "newer"), [(timedelta(days=7), True), (timedelta(days=-7), False)])
def test_a_mismatch_in_a_newer_run_is_noticed(database: sa.Engine, later: timedelta, newer: bool) -> None:
    digest = reported(database, RecordedRun(run=RUN, legacy=EQUAL, event_driven=EQUAL)).digest
    of_every_kind("2026-W01").write(database)
    with database.begin() as connection:
        runs = schema.runs
        connection.execute(sa.update(runs).where(runs.c.run == "2026-W01").values(scheduled_at=AT + later))
    reconcile(database, "2026-W01", PLAN, code_version="abc")
    said = doubted(database, digest)
    assert said == (
        "Run 2026-W01, which is not in the report, has 8 mismatches and 1 incomplete pairs." if newer else ""
    )


def test_equal_evidence_has_an_equal_digest_whenever_the_report_is_made(database: sa.Engine) -> None:
    first = reported(database, of_every_kind())
    again = make_report(database, [RUN], PLAN, code_version="abc", made_at=MADE + timedelta(days=1))
    reconcile(database, RUN, PLAN, code_version="abc")
    once_more = make_report(database, [RUN], PLAN, code_version="abc")
    assert first.digest == again.digest == once_more.digest


Change = Callable[[ReconciliationPlan], ReconciliationPlan]
OTHER_EVIDENCE: dict[str, Change] = {
    "policy": lambda plan: replace(plan, policy=replace(plan.policy, name="another")),
    "configuration": lambda plan: replace(plan, configuration={"template": "b"}),
    "job": lambda plan: replace(plan, job=replace(plan.job, name="another")),
}


@pytest.mark.parametrize("what", OTHER_EVIDENCE)
def test_other_evidence_has_another_digest(database: sa.Engine, what: str) -> None:
    first = reported(database, of_every_kind())
    plan = OTHER_EVIDENCE[what](PLAN)
    reconcile(database, RUN, plan, code_version="abc")
    assert make_report(database, [RUN], plan, code_version="abc", made_at=MADE).digest != first.digest


def test_a_report_by_other_code_has_another_digest(database: sa.Engine) -> None:
    first = reported(database, of_every_kind())
    assert make_report(database, [RUN], PLAN, code_version="def", made_at=MADE).digest != first.digest


def test_a_run_counts_once_however_often_it_is_listed(database: sa.Engine) -> None:
    once = reported(database, RecordedRun(run=RUN, legacy=EQUAL, event_driven=EQUAL))
    assert make_report(database, [RUN, RUN, RUN], PLAN, code_version="abc").digest == once.digest


def test_evidence_of_other_code_is_doubted(database: sa.Engine) -> None:
    replace(RecordedRun(run=RUN, legacy=EQUAL, event_driven=EQUAL), code="old").write(database)
    reconcile(database, RUN, PLAN, code_version="old")
    said = " ".join(make_report(database, [RUN], PLAN, code_version="new").statement.doubts)
    assert "was reconciled by other code" in said
    assert f"The event-driven path of run {RUN} was other code, old." in said


def test_totals_that_do_not_fit_the_verdicts_are_doubted(database: sa.Engine) -> None:
    reported(database, of_every_kind())
    edit(database, "UPDATE cutover.reconciliations SET totals = jsonb_set(totals, '{mismatch}', '0')")
    said = " ".join(make_report(database, [RUN], PLAN, code_version="abc").statement.doubts)
    assert "do not add up to its totals" in said


def test_accepted_differences_count_as_compared_and_other_explanations_do_not(database: sa.Engine) -> None:
    report = reported(database, RecordedRun(run=RUN, legacy=EQUAL, event_driven=EQUAL))
    with database.connect() as connection:
        kept = stored(connection, report.digest)
    assert kept is not None
    (run,) = kept[0].runs
    runs = [with_fields(run, match=0, explained=3, granted=granted) for granted in (0, 1, 2, 3)]
    judged = [judge_statement(with_fields(kept[0], runs=(each,)), MADE) for each in runs]
    assert [each.days for each in judged] == [0, 0, 1, 1]
    assert report.judgement is not None
    assert judged[3].bound == report.judgement.bound


def test_a_statement_without_accepted_differences_says_nothing_of_them(database: sa.Engine) -> None:
    """So that its digest is what it was before anybody counted them."""
    report = reported(database, RecordedRun(run=RUN, legacy=EQUAL, event_driven=EQUAL))
    with database.connect() as connection:
        kept = stored(connection, report.digest)
    assert kept is not None
    assert b"granted" not in msgspec.json.encode(kept[0])
