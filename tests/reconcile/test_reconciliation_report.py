"""The report says the numbers, shows the pairs, and leads nowhere out of its one file."""

import hashlib
import json
import re
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from reconcile import NotReconciled, Policy, UnknownRun, make_report, reconcile, write_report
from reconcile.page import as_html
from reconcile.selection import PER_GROUP
from shadow.recorder import revise
from tests.reconcile.recorded_runs import PLAN, RecordedRun, of_every_kind, sent
from tests.reconcile.report_page import Page, flat, page_of

RUN = "2026-W47"
LOADING = {"src", "href", "xlink:href", "action", "data", "poster", "background", "ping", "formaction"}
NASTY = '</script><script>alert("1")</script>\'"><img src=x onerror=alert(1)> 🦊 \u202eمحمد'


def test_the_page_says_the_answer_and_the_numbers(database: sa.Engine) -> None:
    text = flat(page_of(database, of_every_kind()).text)
    assert "8 of 13 pairs differ: not ready." in text
    assert "Can I sign? No." in text
    assert "1 of the 3 matches are not identical, but equal under the policy." in text
    for kind in ("missing in legacy", "missing in event-driven", "decision", "members", "order", "value"):
        assert f"Mismatch: {kind}" in text
    for word in ("Borrowed:77", "48,213", "legacy-7", "event_driven-7", "recon-9", PLAN.policy.digest()):
        assert word in text
    assert "catalogue differs in 1 pair and no late event accounts for it" in text
    assert "1 min 30 s" in text


def test_a_good_run_says_all_pairs_match_and_shows_examples(database: sa.Engine) -> None:
    both = {f"u{n}": sent(f"u{n}", ("b1", 0.5)) for n in range(1_500)}
    page = page_of(database, RecordedRun(run=RUN, legacy=both, event_driven=both))
    assert "All 1,500 pairs match." in page.text
    assert "3 of 1,500, as examples" in page.text
    assert len(page.of("iframe")) == 3


def test_the_page_loads_nothing_and_runs_nothing_but_its_own_script(database: sa.Engine) -> None:
    of_every_kind(name=NASTY).write(database)
    reconcile(database, RUN, PLAN, code_version="recon-9")
    html = as_html(make_report(database, [RUN], PLAN))
    page = Page(html)
    assert page.of("script") == [{}]
    assert not page.of("link", "img", "object", "embed", "base", "form")
    for tag, attributes in page.tags:
        leads = {name: value for name, value in attributes.items() if name in LOADING}
        assert all(value and value.startswith("#") for value in leads.values()), (tag, leads)
        assert not [name for name in attributes if name.startswith("on")]
    (policy,) = [tag["content"] for tag in page.of("meta") if tag.get("http-equiv") == "Content-Security-Policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.S)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy is not None
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'; style-src")


def test_markup_of_an_outcome_is_rendered_in_a_sandbox_that_permits_nothing(database: sa.Engine) -> None:
    frames = page_of(database, of_every_kind(name=NASTY)).of("iframe")
    assert frames
    assert all(frame["sandbox"] == "" for frame in frames)
    assert any(NASTY in (frame["srcdoc"] or "") for frame in frames)


def test_nasty_text_is_shown_as_it_is(database: sa.Engine) -> None:
    page = page_of(database, of_every_kind(name=NASTY), of_every_kind(run="<b>&'\"run", name=NASTY))
    assert f"Hello {NASTY}," in page.text
    assert "<b>&'\"run" in page.text


def test_every_unit_is_named_even_if_not_shown_in_full(database: sa.Engine) -> None:
    legacy = {f"u{n:03d}": sent(f"u{n:03d}", ("b1", 0.5)) for n in range(PER_GROUP + 20)}
    event_driven = {unit: sent(unit, ("b1", 0.6)) for unit in legacy}
    page = page_of(database, RecordedRun(run=RUN, legacy=legacy, event_driven=event_driven))
    shown = [tag for tag in page.of("details") if tag.get("class") == "pair mismatch"]
    assert len(shown) == PER_GROUP
    assert f"20 of {PER_GROUP + 20} are not shown in full. cutover explain {RUN} …" in flat(page.text)
    assert all(unit in page.text for unit in legacy)


def test_the_words_that_differ_are_marked(database: sa.Engine) -> None:
    of_every_kind().write(database)
    reconcile(database, RUN, PLAN, code_version="abc")
    html = as_html(make_report(database, [RUN], PLAN))
    assert "your books: b1, <del>b2</del>" in html
    assert "your books: b1, <ins>b3</ins>" in html


def test_a_reader_without_sight_finds_captions_headings_and_a_language(database: sa.Engine) -> None:
    page = page_of(database, of_every_kind())
    assert page.of("html") == [{"lang": "en"}]
    assert len(page.of("h1")) == 1
    assert len(page.of("caption")) == len(page.of("table"))
    assert all(frame.get("title") for frame in page.of("iframe"))
    assert all(image.get("aria-label") or image.get("aria-hidden") for image in page.of("svg"))


def test_both_files_are_written_whole(database: sa.Engine, tmp_path: Path) -> None:
    of_every_kind().write(database)
    reconcile(database, RUN, PLAN, code_version="abc")
    directory = tmp_path / "some" / "where"
    page = write_report(database, [RUN], PLAN, directory)
    assert page == directory / "report.html"
    assert sorted(file.name for file in directory.iterdir()) == ["report.html", "report.json", "report.xml"]
    document = json.loads((directory / "report.json").read_text())
    (run,) = document["runs"]
    assert document["answer"]["state"] == "differ"
    assert run["reconciled"]["totals"]["mismatch"] == 8
    assert {unit for group in run["groups"] for unit in group["units"]} == {f"u{n:02d}" for n in range(3, 13)}


def test_a_run_that_was_not_reconciled_is_refused(database: sa.Engine) -> None:
    of_every_kind().write(database)
    with pytest.raises(NotReconciled, match="'2026-W47' has not been reconciled"):
        make_report(database, [RUN], PLAN)
    with pytest.raises(UnknownRun):
        make_report(database, ["2026-W01"], PLAN)


def good() -> RecordedRun:
    both = {"u1": sent("u1", ("b1", 0.5))}
    return RecordedRun(run=RUN, legacy=both, event_driven=both)


def test_evidence_that_is_outdated_cannot_be_signed(database: sa.Engine) -> None:
    good().write(database)
    reconcile(database, RUN, PLAN, code_version="abc")
    with database.begin() as connection:
        revise(connection, PLAN.job, RUN, "legacy", [sent("u1", ("b1", 0.6))])
    answer = make_report(database, [RUN], PLAN).answer
    assert answer.state == "incomplete"
    assert "outcomes recorded after it was reconciled" in " ".join(answer.sentences)


def test_evidence_under_another_policy_cannot_be_signed(database: sa.Engine) -> None:
    good().write(database)
    reconcile(database, RUN, PLAN, code_version="abc")
    assert "under another policy" not in " ".join(make_report(database, [RUN], PLAN).answer.sentences)
    other = replace(PLAN, policy=Policy(name="other", fields=PLAN.policy.fields))
    answer = make_report(database, [RUN], other).answer
    assert answer.state == "incomplete"
    assert "under another policy" in " ".join(answer.sentences)
