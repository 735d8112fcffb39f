"""The page tells engineers what to look at and auditors what to check, in words and commands that can be used."""

import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from datetime import date
from html import unescape
from pathlib import Path

import sqlalchemy as sa

from reconcile import AcceptedDifference, make_report, reconcile, write_report
from reconcile.page import as_html
from reconcile.stage_gate import Ahead, StageGate
from tests.reconcile.recorded_runs import PLAN, RecordedRun, of_every_kind, sent
from tests.reconcile.report_page import Page, flat, page_of

RUN = "2026-W47"
NASTY = '</script><script>alert("1")</script>'


def test_the_digest_can_be_computed_from_the_json_as_the_page_says(database: sa.Engine, tmp_path: Path) -> None:
    of_every_kind(name=NASTY).write(database)
    reconcile(database, RUN, PLAN, code_version='Ünï-\u2028"9"')
    html = write_report(database, [RUN], PLAN, tmp_path, code_version="é 'x'").read_text()
    (digest,) = re.findall(r"<code class=\"digest\">(\w{64})</code>", html)
    commands = [unescape(line) for line in re.findall(r"<pre class=\"command\"[^>]*>(.*?)</pre>", html)]
    assert f'cutover sign-off {digest[:16]} --why "..."' in commands
    (by_python, by_jq) = [command for command in commands if "report.json" in command]
    assert computed(by_python, tmp_path) == digest
    if shutil.which("jq") and shutil.which("b2sum"):
        assert computed(by_jq, tmp_path).split()[0] == digest


def computed(command: str, directory: Path) -> str:
    return subprocess.run(command, shell=True, cwd=directory, capture_output=True, text=True, check=True).stdout.strip()


def test_commands_can_be_pasted_whatever_a_unit_is_called(database: sa.Engine) -> None:
    unit = "u'1; rm $HOME"
    legacy, event_driven = {unit: sent(unit, ("b1", 0.5))}, {unit: sent(unit, ("b2", 0.5))}
    page = page_of(database, RecordedRun(run=RUN, legacy=legacy, event_driven=event_driven))
    assert f"cutover explain {RUN} {shlex.quote(unit)}" in page.text


def test_what_replay_found_is_told_by_size_with_what_nothing_explains_first(database: sa.Engine) -> None:
    page = page_of(database, of_every_kind())
    causes = flat(page.text).partition("Why pairs differ")[2].partition("What differs")[0]
    assert "8 Unexplained: there is no replay that says which path departs from the rule" in causes
    assert f"cutover explain {RUN} u0" in causes


def test_what_the_policy_lets_pass_is_told_with_its_owner_and_what_never_hits_is_marked(database: sa.Engine) -> None:
    never = AcceptedDifference(
        name="other years",
        kinds=frozenset({"year"}),
        owner="archive",
        reason="years are guessed",
        ticket="YEAR-1",
        expires=date(2099, 1, 1),
    )
    words = replace(never, name="other words", kinds=frozenset({"text"}))
    plan = replace(PLAN, policy=replace(PLAN.policy, accepted=(words, never)))
    of_every_kind().write(database)
    reconcile(database, RUN, plan, code_version="recon-9")
    text = flat(Page(as_html(make_report(database, [RUN], plan))).text)
    assert re.search(r"other words ?accepted difference ?archive ?years are guessed ?YEAR-1 2099-01-01 1 ", text)
    assert re.search(r"other years ?accepted difference ?archive ?years are guessed ?YEAR-1 2099-01-01 never hit", text)
    assert re.search(r"items ±1e-06 ?tolerance ?lists team ?sums in another order ?LISTS-7 2099-01-01 1 ", text)
    assert "Explained: accepted difference other words" in text
    assert "1 pair: the policy accepts how they differ" in text


def test_explained_and_incomplete_pairs_are_grouped_by_what_is_known_of_them(database: sa.Engine) -> None:
    text = flat(page_of(database, of_every_kind()).text)
    assert "Explained by timing 1 pair" in text
    assert "Incomplete: no late event accounts for the inputs 1 pair" in text
    assert "Late events: Borrowed Borrowed:77." in text


def test_stage_gates_are_told_apart_without_colour(database: sa.Engine) -> None:
    gates = (
        StageGate(name="Days in a row", green=True, figure="7", limit="at least 7"),
        StageGate(name="Unexplained", green=False, figure="3", limit="none", detail="See below."),
    )
    of_every_kind().write(database)
    reconcile(database, RUN, PLAN, code_version="recon-9")
    text = flat(
        Page(
            as_html(make_report(database, [RUN], replace(PLAN, ahead=lambda *_: Ahead(to="canary", gates=gates))))
        ).text
    )
    assert "Holds: Days in a row 7 asked: at least 7" in text
    assert "Does not hold: Unexplained 3 asked: none. See below." in text
    without = flat(Page(as_html(make_report(database, [RUN], PLAN))).text)
    assert "92.3 % of the pairs that are due have a verdict" in without
    assert "not measured: the legacy path was not held against itself" in without
