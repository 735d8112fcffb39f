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
from sandbox.shop.actions import AddProduct
from tests.end_to_end.conftest import MONDAY, RUN, Weekly, order, small_shop, weekly_on

EXPECTED = {
    "tie_order": ("order", {"items"}),
    "bought_products_kept": ("members", {"items"}),
    "truncated_list": ("members", {"items"}),
    "half_precision": (None, {"items"}),
    "template_variable_swapped": (None, {"subject", "html", "text"}),
}
"""For each defect the kind it shows itself by (None: more than one), and a field it must touch."""


def broken(database: sa.Engine, name: str) -> Weekly:
    weekly = weekly_on(database, CATALOGUE[name].parts)
    weekly.happen(*small_shop())
    # Twins by name score the same for everybody, and whoever bought one has the other in the list.
    weekly.happen(*(AddProduct(at=MONDAY, product_id=f"twin{n}", name="Garden Lantern", price=5) for n in range(2)))
    weekly.happen(order("o9", "u1", "p6"))
    weekly.settle()
    weekly.legacy()
    weekly.settle()
    return weekly


def test_every_defect_has_an_expectation() -> None:
    assert set(EXPECTED) == set(CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_defect_shows_as_mismatches_of_its_kind_for_the_users_it_concerns(
    database: sa.Engine, tmp_path: Path, name: str
) -> None:
    weekly = broken(database, name)
    totals = weekly.reconcile()
    found = weekly.comparisons()
    kind, fields = EXPECTED[name]
    assert totals.mismatch > 0
    assert totals.incomplete == totals.explained == 0
    assert fields <= {field for row in found.values() for field in row.fields}
    if kind:
        assert kind in {row.kind for row in found.values()}
    if name != "template_variable_swapped":
        assert set(found) <= {"u0", "u1", "u2", "u3"}, "users without history do not come by the ranker"
    page = write_report(weekly.engine, [RUN], PLAN, tmp_path).read_text()
    assert "not ready" in page
    assert all(user in page for user in found)


def test_bought_products_kept_concerns_exactly_those_whose_list_it_changes(database: sa.Engine) -> None:
    weekly = broken(database, "bought_products_kept")
    weekly.reconcile()
    differing = {
        user for user in ("u0", "u1", "u2", "u3") if weekly.items(user, "legacy") != weekly.items(user, "event_driven")
    }
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
    assert json.loads(reconciled.stdout)["kinds"] == {"order": result["totals"]["mismatch"]}
