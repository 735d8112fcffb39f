"""The report as a browser shows it: to be read, sorted and opened without a network, by everybody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Locator, Page, expect

from console.weekly_job import PLAN
from reconcile import reconcile, write_report
from sandbox.defects import CATALOGUE
from sandbox.shop.actions import RegisterUser
from tests.end_to_end.browsing import chromium, needs_browser, opened
from tests.end_to_end.conftest import MONDAY, RUN, order, small_shop, weekly_on
from tests.reconcile import recorded_runs
from tests.reconcile.recorded_runs import RecordedRun, by_unit, of_every_kind, sent

pytestmark = needs_browser

TAKEN_OVER = "<script>document.title='taken over'</script><img src=x onerror=\"document.title='taken over'\">"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests here."""
    with chromium() as found:
        yield found


@pytest.fixture
def broken(database: sa.Engine, tmp_path: Path) -> Path:
    """The report on a run in which the new path greets everybody by their id, and one user has a nasty name."""
    weekly = weekly_on(database, CATALOGUE["template_variable_swapped"].parts)
    weekly.happen(*small_shop())
    weekly.happen(RegisterUser(at=MONDAY, user_id="nasty", name=TAKEN_OVER, email="nasty@example.com"))
    weekly.happen(order("o9", "nasty", "p6"))
    weekly.legacy()
    weekly.settle()
    weekly.reconcile()
    return write_report(weekly.engine, [RUN], PLAN, tmp_path)


@pytest.fixture
def every_kind(database: sa.Engine, tmp_path: Path) -> Path:
    """The report on a run with every kind of verdict, one with other numbers, and outcomes that hold scripts."""
    few = {"u1": sent("u1", ("b1", 0.5)), "u2": sent("u2", ("b1", 0.5))}
    other = RecordedRun(run="2026-W48", legacy=few, event_driven={**few, **by_unit(sent("u2", ("b1", 0.6)))})
    return reported(database, tmp_path, of_every_kind(name=TAKEN_OVER), other)


@pytest.fixture
def clean(database: sa.Engine, tmp_path: Path) -> Path:
    """The report on a run in which everything matches."""
    both = {f"u{number}": sent(f"u{number}", ("b1", 0.5)) for number in range(400)}
    return reported(database, tmp_path, RecordedRun(run=RUN, legacy=both, event_driven=both))


def reported(database: sa.Engine, directory: Path, *runs: RecordedRun) -> Path:
    for run in runs:
        run.write(database)
        reconcile(database, run.run, recorded_runs.PLAN, code_version="test")
    return write_report(database, [run.run for run in runs], recorded_runs.PLAN, directory)


def open_everything(page: Page) -> None:
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")


def table(page: Page, caption: str) -> Locator:
    return page.locator("table.sortable").filter(has=page.locator("caption", has_text=caption))


def first_column(rows: Locator) -> list[str]:
    return [text.split()[0] for text in rows.locator("tbody th").all_inner_texts()]


def test_a_pair_opens_with_both_emails_side_by_side_and_the_difference_marked(browser: Browser, broken: Path) -> None:
    with opened(browser, broken) as shown:
        page = shown.page
        expect(page.get_by_role("heading", level=1)).to_have_text("7 of 7 pairs differ: not ready.")
        expect(page.get_by_text("Can I sign? No.")).to_be_visible()
        pair = page.locator("details.pair", has_text="u0")
        expect(pair.locator("iframe").first).not_to_be_visible()
        pair.locator("summary").first.click()
        frames = pair.locator("iframe")
        one, other = frames.nth(0).bounding_box(), frames.nth(1).bounding_box()
        assert one
        assert other
        assert one["y"] == other["y"]
        assert one["x"] + one["width"] <= other["x"]
        frames.nth(0).scroll_into_view_if_needed()
        assert shown.page.title() == "7 of 7 pairs differ: not ready. weekly recommendations"
        assert marked(frames.nth(0)) == ["Name 0"]
        assert marked(frames.nth(1)) == ["u0"]
        expect(pair.get_by_text("The event-driven path: ")).to_be_visible()
        expect(pair.get_by_text(f"cutover explain {RUN} u0 --suspect ")).to_be_visible()
        assert shown.requests == shown.errors == []


def marked(frame: Locator) -> list[str]:
    """What is highlighted in an e-mail, as far as it is seen."""
    marks = frame.content_frame.locator("mark")
    expect(marks.first).to_be_visible()
    return marks.all_inner_texts()


def test_nothing_of_an_outcome_runs(browser: Browser, every_kind: Path) -> None:
    with opened(browser, every_kind) as shown:
        open_everything(shown.page)
        frames = shown.page.locator("details.pair.mismatch iframe")
        expect(frames.first.content_frame.get_by_text("Hello")).to_be_visible()
        expect(frames.last.content_frame.locator("body")).to_be_visible()
        assert any("Blocked script execution" in error for error in shown.errors)
        assert "taken over" not in shown.page.title()
        assert shown.requests == []


def test_no_script_runs_but_the_one_that_the_policy_names(browser: Browser, clean: Path) -> None:
    clean.write_text(clean.read_text().replace("</main>", "</main><script>document.title = 'taken over'</script>"))
    with opened(browser, clean) as shown:
        assert "taken over" not in shown.page.title()
        assert any("Content Security Policy" in error for error in shown.errors)


def test_a_table_is_sorted_by_mouse_and_by_keyboard(browser: Browser, every_kind: Path) -> None:
    with opened(browser, every_kind) as shown:
        runs = table(shown.page, "Every pair of outcomes has exactly one verdict.")
        pairs = runs.get_by_role("columnheader", name="Pairs")
        assert first_column(runs) == ["2026-W47", "2026-W48"]
        assert pairs.get_attribute("aria-sort") is None
        pairs.get_by_role("button").click()
        expect(pairs).to_have_attribute("aria-sort", "descending")
        assert first_column(runs) == ["2026-W47", "2026-W48"]
        pairs.get_by_role("button").click()
        expect(pairs).to_have_attribute("aria-sort", "ascending")
        assert first_column(runs) == ["2026-W48", "2026-W47"]
        shown.page.keyboard.press("Shift+Tab")
        shown.page.keyboard.press("Shift+Tab")
        button = runs.get_by_role("columnheader", name="Run").get_by_role("button")
        expect(button).to_be_focused()
        assert button.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
        shown.page.keyboard.press("Enter")
        expect(runs.locator("th[aria-sort]")).to_have_text("Run")
        assert first_column(runs) == ["2026-W47", "2026-W48"]
        shown.page.keyboard.press("Space")
        assert first_column(runs) == ["2026-W48", "2026-W47"]
        assert shown.requests == shown.errors == []


def test_an_example_of_a_cause_leads_to_its_pair(browser: Browser, every_kind: Path) -> None:
    with opened(browser, every_kind) as shown:
        example = shown.page.locator(".cause a").first
        unit = example.inner_text()
        example.click()
        expect(shown.page.locator("details.pair[open] > summary .unit")).to_have_text(unit)
        expect(shown.page.locator("details.pair[open] .found")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_readers_of_every_kind_can_use_it(browser: Browser, every_kind: Path, scheme: Literal["light", "dark"]) -> None:
    with opened(browser, every_kind, scheme=scheme) as shown:
        assert shown.violations() == []
        open_everything(shown.page)
        assert shown.violations() == []


def test_a_clean_run_says_yes_to_readers_of_every_kind(browser: Browser, clean: Path) -> None:
    with opened(browser, clean) as shown:
        expect(shown.page.get_by_role("heading", level=1)).to_have_text("All 400 pairs match.")
        expect(shown.page.get_by_text("Can I sign? Yes.")).to_be_visible()
        expect(shown.page.get_by_text("cutover sign-off ")).to_be_visible()
        expect(shown.page.get_by_text("Why pairs differ")).to_have_count(0)
        assert shown.violations() == []
        assert shown.requests == shown.errors == []


def test_on_a_telephone_only_tables_and_plot_scroll_sideways(browser: Browser, every_kind: Path) -> None:
    with opened(browser, every_kind, width=390) as shown:
        open_everything(shown.page)
        assert shown.page.evaluate("document.documentElement.scrollWidth") == 390
        assert shown.violations() == []


def test_without_scripts_and_on_paper_everything_is_there(browser: Browser, every_kind: Path) -> None:
    with opened(browser, every_kind) as shown:
        with_scripts = content(shown.page)
        assert shown.page.locator("iframe").count() == 0
    with opened(browser, every_kind, scripts=False) as shown:
        page = shown.page
        assert content(page) == with_scripts
        assert page.locator("iframe").count() > 10
        assert page.locator("button").count() == 0
        pair = page.locator("details.pair.mismatch").first
        pair.locator("summary").first.click()
        expect(pair.locator(".found")).to_be_visible()
        page.emulate_media(media="print")
        expect(page.get_by_role("navigation")).not_to_be_visible()
        assert page.pdf().startswith(b"%PDF")
        assert shown.requests == []


def content(page: Page) -> str:
    """Every word of the page, without what stands in for scripts."""
    words: str = page.evaluate("""
        const main = document.querySelector("main").cloneNode(true);
        for (const each of main.querySelectorAll("noscript")) each.remove();
        main.textContent
    """)
    return " ".join(words.split())
