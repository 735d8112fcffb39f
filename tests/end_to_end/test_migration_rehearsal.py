"""The whole migration, rehearsed with real workers and a stand-in: from legacy to retired."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from console.migration_calendar import Calendar
from console.migration_rehearsal import Migrated, MigrationRehearsal
from console.playground import Playground
from console.screen import Screen
from console.stand_in import stand_in
from reconcile import requirements
from runtime.servers import Servers
from sandbox.shop.synthetic import synthetic_history
from shadow.history import migration
from tests import batch

END = datetime(2026, 11, 16, tzinfo=UTC)
FEW_PAIRS = 0.05
"""A bound for a shop so small that a week of it says little."""
NIGHTS = 2
"""Compared before each move here; seven are asked for in earnest."""

Rehearse = Callable[..., tuple[Migrated, str]]


@pytest.fixture
def rehearse(running: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearse:
    """Rehearses the migration of a shop with 60 customers; what it came to, and where the log says that it stands."""
    lenient = {
        stage: replace(asked, days=min(asked.days, NIGHTS), bound=FEW_PAIRS if asked.bound else None)
        for stage, asked in requirements._BY_STAGE.items()
    }
    monkeypatch.setattr(requirements, "_BY_STAGE", lenient)

    def run() -> tuple[Migrated, str]:
        history = list(synthetic_history(users=60, products=60, order_lines=900, until=END, seed=7))
        playground = Playground(
            running,
            tmp_path,
            4,
            name="migration",
            workers=2,
            mailbox=stand_in(tmp_path / "sendgrid", quota=1000),
        )
        calendar = Calendar(end=END.date(), nights=NIGHTS)
        found = MigrationRehearsal(playground, history, calendar, Screen(quiet=True))(tmp_path / "reports")
        with playground.engine.connect() as connection:
            here = str(migration(connection).here)
        playground.engine.dispose()
        return found, here

    return run


@batch.only_before
def test_I8_from_legacy_to_retired_every_move_rests_on_a_signed_report(rehearse: Rehearse) -> None:
    found, here = rehearse()
    assert found.held_back == ()
    assert here == "retired"
    assert [str(each.move.there) for each in found.moves] == [
        "shadow",
        "canary at 5 %",
        "canary at 25 %",
        "event_driven",
        "retired",
    ]
    assert [len(each.signed_by) for each in found.moves] == [1, 1, 1, 2, 2]
    judged = [each.move.judgement for each in found.moves]
    assert len({each.report for each in judged if each}) == 5
    assert [each.days for each in judged if each] == [1, NIGHTS, NIGHTS, NIGHTS, NIGHTS]
    assert sum(totals.mismatch + totals.incomplete for totals in found.rehearsed.totals) == 0

    assert found.drill is not None
    assert found.drill.passed
    assert found.most == 1
    shadow, five, drilled, *everybody = found.sent.values()
    assert shadow["legacy"] > 0
    assert set(shadow) == {"legacy"}
    assert 0 < five.get("event_driven", 0) < five["legacy"]
    assert drilled["legacy"] > drilled["event_driven"] > 0
    assert all(set(paths) == {"event_driven"} for paths in everybody)


def test_the_calendar_ends_with_the_last_monday_and_has_seven_nights_between_two_moves() -> None:
    calendar = Calendar(end=date(2026, 11, 16))
    weeks = list(calendar.weeks())
    assert calendar.first_run == "2026-10-11"
    assert [week.weekly for week in weeks] == [f"2026-W{number}" for number in range(42, 47)]
    assert [len(week.evidence) for week in weeks] == [1, 8, 8, 8, 8]
    assert weeks[-1].runs == ["2026-W46"]
    assert [f"{week.moves_at:%a}" for week in weeks] == ["Sun"] * 5
