"""A path that is wrong is caught: the right kind, for the right users, with the cause in sight."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa

from console.weekly_job import PLAN
from reconcile import write_report
from sandbox.defects import CATALOGUE
from tests import batch
from tests.end_to_end.conftest import RUN, Weekly, weekly_on
from tests.end_to_end.varied_shop import lived_through

WITH_TASTE = {"edge", "u0", "u1", "u2", "u3"}
WITHOUT = {"returned", "u4", "u5"}
MAILED = WITH_TASTE | WITHOUT
ALL = MAILED | {"left"}
WORDS = {"subject", "html", "text"}

SHOWN = {
    "tie_order": ("order", {"items"}, WITH_TASTE),
    "bought_products_kept": ("members", {"items"}, WITH_TASTE),
    "truncated_list": ("members", {"items"}, WITH_TASTE),
    "half_precision": ("value", {"items"}, WITH_TASTE),
    "template_variable_swapped": ("wording", WORDS, MAILED),
    "retired_product_kept": ("members", {"items"}, ALL),
    "cancelled_order_counted": ("order", {"items"}, {"u1", "left", *WITHOUT}),
    "returned_item_counted": ("members", {"items"}, {"u2", "left", *WITHOUT}),
    "week_boundary_off_by_an_hour": ("members", {"items"}, {"edge"}),
    "stale_index": ("members", {"items"}, WITH_TASTE),
    "double_fold": ("members", {"items"}, {"u2", "left", *WITHOUT}),
    "wrong_half_life": ("value", {"items"}, {"edge", "u1", "u2", "u3"}),
    "missing_popularity_fallback": ("decision", {"decision"}, WITHOUT),
    "unsubscribed_user_kept": ("eligibility", {"decision"}, {"left"}),
    "wrong_locale_price": ("wording", {"html", "text"}, MAILED),
    "duplicate_product": ("duplicate", {"items"}, WITH_TASTE),
    "user_lost_at_partition_boundary": ("missing_in_event_driven", set(), {"u2", "u3", "u4", "u5"}),
    "frozen_after_barrier": ("members", {"items"}, {"u1"}),
    "old_price": ("wording", {"html", "text"}, {"u0", "u3"}),
    "coarse_rounding": ("value", {"items"}, WITH_TASTE),
    "intro_swapped": ("wording", WORDS, MAILED),
    "quantity_weighs": ("members", {"items"}, {"edge"}),
    "popularity_of_last_week": ("members", {"items"}, {"left", *WITHOUT}),
    "resubscribed_user_lost": ("eligibility", {"decision"}, {"returned"}),
    "legacy_counts_cancelled": ("order", {"items"}, {"u1", *WITHOUT}),
    "legacy_counts_returned": ("members", {"items"}, {"u2", *WITHOUT}),
    "legacy_ties_descending": ("order", {"items"}, WITH_TASTE),
    "legacy_keeps_retired": ("members", {"items"}, WITHOUT),
    "legacy_half_life": ("value", {"items"}, {"edge", "u1", "u2", "u3"}),
    "legacy_local_time": ("members", {"items"}, {"edge"}),
    "legacy_loses_last_user": ("missing_in_legacy", set(), {"u5"}),
    "legacy_mails_unsubscribed": ("eligibility", {"decision"}, {"left"}),
}
"""For each defect a kind and fields it shows by, and the users it concerns."""

NAMED_OTHERWISE = {"double_fold": "without:ItemsReturned"}
"""Where another suspect brings about the very same: with double the pieces, a wholly returned product counts."""


def broken(database: sa.Engine, name: str) -> Weekly:
    batch.needed()
    defect = CATALOGUE[name]
    return lived_through(weekly_on(database, defect.parts, defect.batch()))


def test_every_defect_has_an_expectation() -> None:
    assert set(SHOWN) == set(CATALOGUE)
    assert len(CATALOGUE) >= 20


def test_without_a_defect_the_same_shop_shows_none(database: sa.Engine) -> None:
    totals = lived_through(weekly_on(database)).reconcile()
    assert totals.match == totals.pairs == len(ALL)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_defect_is_a_mismatch_for_the_users_it_concerns_and_its_cause_is_named(
    database: sa.Engine, name: str
) -> None:
    weekly = broken(database, name)
    totals = weekly.reconcile()
    found = weekly.comparisons()
    kind, fields, users = SHOWN[name]
    assert set(found) == users
    assert totals.mismatch == len(users)
    assert kind in {row.kind for row in found.values()}
    assert fields <= {field for row in found.values() for field in row.fields}
    defect = CATALOGUE[name]
    causes = {(cause.path, cause.suspect) for cause in totals.causes}
    assert causes == {(defect.path, NAMED_OTHERWISE.get(name, defect.cause))}
    # That an outcome is missing is said, and never explained: it blocks.
    assert totals.unexplained == (totals.mismatch if kind.startswith("missing") else 0)


def test_the_report_shows_a_defect_with_the_users_it_concerns(database: sa.Engine, tmp_path: Path) -> None:
    weekly = broken(database, "tie_order")
    weekly.reconcile()
    page = write_report(weekly.engine, [RUN], PLAN, tmp_path).read_text()
    assert "not ready" in page
    assert all(user in page for user in weekly.comparisons())


def test_bought_products_kept_concerns_exactly_those_whose_list_it_changes(database: sa.Engine) -> None:
    weekly = broken(database, "bought_products_kept")
    weekly.reconcile()
    differing = {user for user in WITH_TASTE if weekly.items(user, "legacy") != weekly.items(user, "event_driven")}
    assert differing
    assert set(weekly.comparisons()) == differing
    assert "p0" in weekly.items("u0", "event_driven")
    assert "p0" not in weekly.items("u0", "legacy")


def run_cli(state_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment: Mapping[str, str] = {**os.environ, "CUTOVER_STATE_DIR": str(state_dir)}
    return subprocess.run(
        [sys.executable, "-m", "console.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@batch.only_before
def test_rehearse_and_reconcile_end_with_1_when_real_workers_run_a_broken_ranker(
    state_dir: Path, running: object, tmp_path: Path
) -> None:
    assert running
    options = ("--users", "150", "--from", "2026-11-09", "--nights", "0", "--defect", "tie_order", "--json")
    rehearsed = run_cli(state_dir, "rehearse", *options, "--report", str(tmp_path))
    assert rehearsed.returncode == 1, rehearsed.stderr
    result = json.loads(rehearsed.stdout)
    assert [run["run"] for run in result["runs"]] == ["2026-W46"]
    assert result["totals"]["mismatch"] > 0
    assert result["totals"]["incomplete"] == 0
    assert Path(result["report"]).is_relative_to(tmp_path)

    reconciled = run_cli(
        state_dir, "reconcile", "2026-W46", "--database", "cutover_rehearsal", "--html", str(tmp_path), "--json"
    )
    assert reconciled.returncode == 1, reconciled.stderr
    kinds = json.loads(reconciled.stdout)["kinds"]
    assert set(kinds) <= {"order", "members"}
    assert sum(kinds.values()) == result["totals"]["mismatch"]
