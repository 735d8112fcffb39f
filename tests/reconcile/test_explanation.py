"""Explanation: replay says which path departs from the rule, and which suspect brings that about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import sqlalchemy as sa

from reconcile import AcceptedDifference, Totals, reconcile
from reconcile.finding import Finding
from reconcile.judged import verdict_of
from reconcile.replay import Suspect
from reconcile.schema import comparisons
from reconcile.verdict import Verdict
from shadow.outcome import Outcome, Path
from tests.reconcile.points import EMPTY, LATEST, REFUNDS, TWICE, Account, Points, departing, plan_over
from tests.reconcile.recorded_runs import Late, RecordedRun

RUN = "2026-W47"


def rule(accounts: Mapping[str, Account]) -> dict[str, Outcome]:
    """What both paths come to if neither departs."""
    return dict(Points(accounts).outcomes(list(accounts)))


def explained(
    database: sa.Engine,
    accounts: Mapping[str, Account],
    *,
    legacy: Mapping[str, Outcome] | None = None,
    event_driven: Mapping[str, Outcome] | None = None,
    late: tuple[Late, ...] = (),
    accepted: tuple[AcceptedDifference, ...] = (),
) -> tuple[Totals, dict[str, Verdict]]:
    """Reconcile a run in which the paths did what the rule says but for these outcomes; verdicts by unit."""
    usual = rule(accounts)
    RecordedRun(
        run=RUN, legacy={**usual, **(legacy or {})}, event_driven={**usual, **(event_driven or {})}, late=late
    ).write(database)
    totals = reconcile(database, RUN, plan_over(Points(accounts), *accepted), code_version="abc")
    return totals, verdicts(database)


def verdicts(database: sa.Engine) -> dict[str, Verdict]:
    with database.connect() as connection:
        return {row.unit: verdict_of(row) for row in connection.execute(sa.select(comparisons))}


def found(path: Path, suspect: Suspect | None = None) -> Finding:
    return Finding(path=path, suspect=suspect.name if suspect else "", says=suspect.says if suspect else "")


def test_a_finding_names_the_path_and_the_suspect(database: sa.Engine) -> None:
    accounts = {"a": Account(amounts=(30, -4, 5)), "b": Account(amounts=(1, 2))}
    departs = departing(rule(accounts)["a"], 35)
    totals, verdict = explained(database, accounts, event_driven={"a": departs})
    assert verdict.keys() == {"a"}
    assert verdict["a"].findings == (found("event_driven", REFUNDS),)
    assert (totals.mismatch, totals.unexplained) == (1, 0)
    assert [(cause.path, cause.suspect, cause.units) for cause in totals.causes] == [("event_driven", "refunds", 1)]


def test_the_legacy_path_can_be_the_one_that_departs(database: sa.Engine) -> None:
    accounts = {"a": Account(amounts=(7, 5))}
    _, verdict = explained(database, accounts, legacy={"a": departing(rule(accounts)["a"], 19)})
    assert verdict["a"].findings == (found("legacy", TWICE),)


def test_of_several_suspects_the_one_is_kept_that_explains_most(database: sa.Engine) -> None:
    last_is_a_refund = {f"both{n}": Account(amounts=(10 + n, -3)) for n in range(3)}
    only_refunds = {f"only{n}": Account(amounts=(-2, 10 + n)) for n in range(2)}
    accounts = {**last_is_a_refund, **only_refunds}
    usual = rule(accounts)
    departs = {unit: departing(usual[unit], max(accounts[unit].amounts)) for unit in accounts}
    _, verdict = explained(database, accounts, event_driven=departs)
    assert {each.findings for each in verdict.values()} == {(found("event_driven", REFUNDS),)}
    assert Points(accounts).suspects.index(LATEST) < Points(accounts).suspects.index(REFUNDS)


def test_of_suspects_that_explain_equally_much_the_first_is_named(database: sa.Engine) -> None:
    accounts = {"a": Account(amounts=(10, -3))}
    _, verdict = explained(database, accounts, event_driven={"a": departing(rule(accounts)["a"], 10)})
    assert verdict["a"].findings == (found("event_driven", LATEST),)


def test_what_nothing_explains_stays_unexplained(database: sa.Engine) -> None:
    accounts = {unit: Account(amounts=(30, -4, 5)) for unit in "abc"}
    usual = rule(accounts)
    departs = {"a": departing(usual["a"], 35), "b": departing(usual["b"], 999)}
    totals, verdict = explained(database, accounts, event_driven=departs)
    assert verdict["b"].findings == (found("event_driven"),)
    assert verdict["b"].unexplained
    assert not verdict["a"].unexplained
    assert (totals.mismatch, totals.unexplained) == (2, 1)


def test_two_departing_paths_get_two_findings(database: sa.Engine) -> None:
    accounts = {"a": Account(amounts=(30, -4, 5))}
    usual = rule(accounts)["a"]
    _, verdict = explained(
        database, accounts, legacy={"a": departing(usual, 35)}, event_driven={"a": departing(usual, 61)}
    )
    assert verdict["a"].findings == (found("event_driven", TWICE), found("legacy", REFUNDS))


def test_with_one_of_two_findings_open_a_mismatch_is_unexplained(database: sa.Engine) -> None:
    accounts = {"a": Account(amounts=(30, -4, 5))}
    usual = rule(accounts)["a"]
    totals, _ = explained(
        database, accounts, legacy={"a": departing(usual, 35)}, event_driven={"a": departing(usual, 999)}
    )
    assert totals.unexplained == 1


def test_a_missing_outcome_is_explained_by_a_suspect_that_leaves_it_out(database: sa.Engine) -> None:
    accounts = {"a": Account(amounts=(5, -5)), "b": Account(amounts=(5,))}
    usual = rule(accounts)
    RecordedRun(run=RUN, legacy=usual, event_driven={"b": usual["b"]}).write(database)
    reconcile(database, RUN, plan_over(Points(accounts)), code_version="abc")
    verdict = verdicts(database)["a"]
    assert (verdict.kind, verdict.findings) == ("missing_in_event_driven", (found("event_driven", EMPTY),))


LATE = (Late(event_id="AmountBooked:9", type="AmountBooked", unit="a"),)
ACCOUNTS = {"a": Account(amounts=(30, 5), late=(7,))}


def test_timing_is_believed_where_the_late_events_bring_the_legacy_outcome_about(database: sa.Engine) -> None:
    legacy = Points(ACCOUNTS).with_late_events(["a"])
    totals, verdict = explained(database, ACCOUNTS, legacy=legacy, late=LATE)
    assert (verdict["a"].ruling, verdict["a"].because, verdict["a"].findings) == ("explained", "timing", ())
    assert totals.because == {"timing": 1}


def test_timing_is_not_believed_where_they_bring_something_else_about(database: sa.Engine) -> None:
    legacy = departing(Points(ACCOUNTS).with_late_events(["a"])["a"], 50)
    totals, verdict = explained(database, ACCOUNTS, legacy={"a": legacy}, late=LATE)
    assert (verdict["a"].ruling, verdict["a"].because) == ("incomplete", None)
    assert (totals.explained, totals.incomplete) == (0, 1)


def test_timing_does_not_cover_an_event_driven_path_that_departs(database: sa.Engine) -> None:
    legacy = Points(ACCOUNTS).with_late_events(["a"])
    departs = departing(rule(ACCOUNTS)["a"], 65)
    _, verdict = explained(database, ACCOUNTS, legacy=legacy, event_driven={"a": departs}, late=LATE)
    assert verdict["a"].ruling == "incomplete"
    assert found("event_driven", TWICE) in verdict["a"].findings


def test_a_misread_log_is_a_mismatch_of_kind_inputs(database: sa.Engine) -> None:
    accounts = {"a": Account(amounts=(30, 5))}
    misread = replace(rule(accounts)["a"], inputs={"amounts": "something else"})
    totals, verdict = explained(database, accounts, event_driven={"a": misread})
    assert (verdict["a"].ruling, verdict["a"].kind) == ("mismatch", "inputs")
    assert verdict["a"].findings == (found("event_driven"),)
    assert totals.kinds == {"inputs": 1}


def test_a_difference_is_accepted_by_the_cause_that_replay_found(database: sa.Engine) -> None:
    accounts = {unit: Account(amounts=(30, -4, 5)) for unit in "ab"}
    usual = rule(accounts)
    known = AcceptedDifference(
        name="refunds are gone",
        cause="refunds",
        owner="points",
        reason="wanted",
        ticket="P-1",
        expires=date(2099, 1, 1),
    )
    departs = {"a": departing(usual["a"], 35), "b": departing(usual["b"], 61)}
    totals, verdict = explained(database, accounts, event_driven=departs, accepted=(known,))
    assert (verdict["a"].ruling, verdict["a"].because, verdict["a"].accepted) == (
        "explained",
        "accepted",
        "refunds are gone",
    )
    assert verdict["b"].ruling == "mismatch"
    assert totals.accepted == {"refunds are gone": 1}


def test_only_a_sample_is_tried_with_every_suspect(database: sa.Engine) -> None:
    accounts = {f"u{n:03d}": Account(amounts=(30, -4, n + 1)) for n in range(300)}
    usual = rule(accounts)
    departs = {unit: departing(usual[unit], 31 + n) for n, unit in enumerate(accounts)}
    replayer = Points(accounts)
    RecordedRun(run=RUN, legacy=usual, event_driven=departs).write(database)
    totals = reconcile(database, RUN, plan_over(replayer), code_version="abc")
    assert (totals.mismatch, totals.unexplained) == (300, 0)
    assert sum(suspect == REFUNDS for _, suspect in replayer.asked) == 364
    assert sum(suspect == TWICE for _, suspect in replayer.asked) == 64
