"""The report as a browser shows it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa

from console.weekly_job import PLAN
from reconcile import write_report
from sandbox.defects import CATALOGUE
from sandbox.shop.actions import RegisterUser
from tests.end_to_end.conftest import MONDAY, RUN, order, small_shop, weekly_on

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --virtual-time-budget=2000"
)

pytestmark = pytest.mark.skipif(
    BROWSER is None and not os.environ.get("CI"), reason="no Chromium here (continuous integration has one)"
)


@pytest.fixture
def page(database: sa.Engine, tmp_path: Path) -> Path:
    """The report on a run in which the new path greets everybody by their id, and one user has a nasty name."""
    weekly = weekly_on(database, CATALOGUE["template_variable_swapped"].parts)
    weekly.happen(*small_shop())
    nasty = "<script>document.title='taken over'</script><img src=x onerror=\"document.title='taken over'\">"
    weekly.happen(RegisterUser(at=MONDAY, user_id="nasty", name=nasty, email="nasty@example.com"))
    weekly.happen(order("o9", "nasty", "p6"))
    weekly.legacy()
    weekly.settle()
    weekly.reconcile()
    return write_report(weekly.engine, [RUN], PLAN, tmp_path)


def browse(page: Path, profile: Path, *options: str) -> str:
    assert BROWSER is not None, "continuous integration must bring Chromium"
    command = [BROWSER, *QUIET.split(), f"--user-data-dir={profile}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_a_browser_shows_the_answer_and_both_emails_and_runs_nothing_of_them(page: Path, tmp_path: Path) -> None:
    dom = browse(page, tmp_path / "profile", "--dump-dom")
    assert "7 of 7 pairs differ: not ready." in dom
    assert dom.count("<iframe") >= 14
    assert "<title>taken over</title>" not in dom


def test_the_page_can_be_drawn(page: Path, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    browse(page, tmp_path / "profile", f"--screenshot={picture}", "--window-size=1280,2000")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000
