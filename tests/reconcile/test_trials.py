"""Trials: one unit, replayed with one suspect at a time, says of each path what reconciliation says of it."""

from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from reconcile.replay import Suspect
from reconcile.trial import trials
from shadow.outcome import Outcome
from tests.reconcile.points import EMPTY, REFUNDS, Account, Points, departing, plan_over
from tests.reconcile.recorded_runs import RecordedRun

RUN = "2026-W47"
ACCOUNTS = {"a": Account(amounts=(30, -4, 5))}
RULE = Points(ACCOUNTS).outcomes(["a"])["a"]


class Misreading(Points):
    """Who leaves refunds out does not read them, either."""

    def outcomes(self, units: "list[str]", suspect: Suspect | None = None) -> Mapping[str, Outcome]:  # type: ignore[override]
        if suspect is not REFUNDS:
            return super().outcomes(units, suspect)
        return {unit: replace(found, inputs=SEEN) for unit, found in super().outcomes(units).items()}


SEEN = {"amounts": "without refunds"}


def tried(database: sa.Engine, event_driven: Outcome) -> list[tuple[str, tuple[str, ...]]]:
    RecordedRun(run=RUN, legacy={"a": RULE}, event_driven={"a": event_driven}).write(database)
    plan = plan_over(Misreading(ACCOUNTS))
    with database.connect() as connection:
        found = list(trials(connection, RUN, "a", plan, (EMPTY, REFUNDS)))
    return [(each.suspect.name if each.suspect else "", each.brings_about) for each in found]


def test_the_rule_gives_what_both_paths_did(database: sa.Engine) -> None:
    both = ("legacy", "event_driven")
    assert tried(database, RULE) == [("", both), ("empty", both), ("refunds", both)]


def test_a_path_that_departs_is_given_by_a_suspect(database: sa.Engine) -> None:
    assert tried(database, departing(RULE, 36))[0] == ("", ("legacy",))


def test_a_path_that_read_something_else_departs_although_its_outcome_is_right(database: sa.Engine) -> None:
    """As the report says of it: a mismatch of kind `inputs`."""
    found = tried(database, replace(RULE, inputs=SEEN))
    assert found == [("", ("legacy",)), ("empty", ()), ("refunds", ("event_driven",))]
