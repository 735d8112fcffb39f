"""Another cron job with other units and outcomes goes through shadow and reconcile as they are."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from events import RoleGranted, SignedOff, advance_to_end, emit, fix_partitions, open_checkpoints, sequence_all
from events.stage_events import Stage
from reconcile import Report, Totals, as_html, as_json, make_report, reconcile
from reconcile.judged import verdict_of
from reconcile.judgement import Judgement, doubts, judgement
from reconcile.schema import comparisons
from reconcile.sign_off import Weighed, weigh
from reconcile.verdict import Verdict
from sandbox.approver import move
from shadow.history import migration
from shadow.moves import Place
from shadow.sign_off import UNSIGNED, signed
from shadow.signing import new_token, public_key
from tests.second_job import job, warehouse
from tests.second_job.job import PARTITIONS, PLAN
from tests.second_job.stock import Rule

WEEK, DAY = "2026-W47", "2026-11-20"
ARTICLES = ("bolt", "cog", "gear", "nut", "pin", "rod")
Happening = Callable[[sa.Connection], None]


@pytest.fixture
def shop(database: sa.Engine) -> sa.Engine:
    """A warehouse in which something has happened."""
    with database.begin() as connection:
        fix_partitions(connection, PARTITIONS)
        warehouse.create_tables(connection)
        warehouse.stock(connection, *ARTICLES)
        warehouse.sell(connection, "o1", {"bolt": 7, "cog": 8})
        warehouse.sell(connection, "o2", {"gear": 9, "nut": 6})
        warehouse.sell(connection, "o3", {"pin": 8})
        warehouse.take_back(connection, "o1", {"bolt": 1, "cog": 4})
        warehouse.cancel(connection, "o2")
        warehouse.withdraw(connection, "rod")
    return database


def both_paths(engine: sa.Engine, run: str, *, rule: Rule | None = None, meanwhile: Happening | None = None) -> Totals:
    """Run the frozen batch behind its barrier, let the event-driven path catch up, and reconcile."""

    def happen() -> None:
        if meanwhile:
            with engine.begin() as connection:
                meanwhile(connection)

    job.run_frozen(engine, run, "frozen", happen)
    sequence_all(engine, PARTITIONS)
    found = job.subscriptions("abc", rule or Rule())
    with engine.begin() as connection:
        open_checkpoints(connection, found, PARTITIONS)
    for subscription in found:
        for partition in subscription.partitions(PARTITIONS):
            advance_to_end(engine, found, subscription.name, partition)
    return reconcile(engine, run, PLAN, code_version="abc")


def verdicts(engine: sa.Engine) -> dict[str, Verdict]:
    with engine.connect() as connection:
        return {row.unit: verdict_of(row) for row in connection.execute(sa.select(comparisons))}


def stand_at(engine: sa.Engine, stage: Stage, percent: float = 0.0) -> None:
    with engine.begin() as connection:
        move(connection, stage, percent, at=warehouse.AT)
    sequence_all(engine, PARTITIONS)


def reported(engine: sa.Engine, *runs: str) -> Report:
    return make_report(engine, runs, PLAN, code_version="abc")


@pytest.mark.parametrize("run", [WEEK, DAY])
def test_both_paths_come_to_the_same(shop: sa.Engine, run: str) -> None:
    totals = both_paths(shop, run)
    assert (totals.pairs, totals.match, totals.unfinished) == (6, 6, ())


@pytest.mark.parametrize(
    ("rule", "suspect", "kind", "articles"),
    [
        (Rule(counts_returns=False), "returns", "decision", {"cog"}),
        (Rule(counts_cancellations=False), "cancellations", "decision", {"gear", "nut"}),
        (Rule(short=4), "threshold", "decision", {"bolt"}),
        (Rule(packs=(12, 1)), "packs", "members", {"pin"}),
    ],
)
def test_a_defect_is_a_mismatch_with_path_and_suspect(
    shop: sa.Engine, rule: Rule, suspect: str, kind: str, articles: set[str]
) -> None:
    totals = both_paths(shop, WEEK, rule=rule)
    found = {unit: each for unit, each in verdicts(shop).items() if each.ruling == "mismatch" and each.kind != "inputs"}
    assert articles <= found.keys()
    assert {(finding.path, finding.suspect) for each in found.values() for finding in each.findings} == {
        ("event_driven", suspect)
    }
    assert kind in totals.kinds
    assert totals.mismatch == totals.kinds.get("inputs", 0) + len(found)


def test_what_happens_behind_the_barrier_explains_what_it_brings_about(shop: sa.Engine) -> None:
    totals = both_paths(shop, WEEK, meanwhile=lambda connection: warehouse.sell(connection, "o4", {"nut": 6}))
    assert (totals.match, totals.because) == (5, {"timing": 1})
    (verdict,) = verdicts(shop).values()
    assert (verdict.kind, [cause.id for cause in verdict.causes.events]) == ("decision", ["OrderPlaced:o4"])


def test_an_article_that_came_behind_the_barrier_is_explained_too(shop: sa.Engine) -> None:
    totals = both_paths(shop, WEEK, meanwhile=lambda connection: warehouse.stock(connection, "wheel"))
    assert (totals.pairs, totals.match, totals.because) == (7, 6, {"timing": 1})
    assert verdicts(shop)["wheel"].kind == "missing_in_event_driven"


@pytest.mark.parametrize(("stage", "percent"), [("shadow", 0.0), ("canary", 50.0), ("event_driven", 100.0)])
def test_I2_each_order_is_placed_by_the_one_path_that_owns_its_article(
    shop: sa.Engine, stage: Stage, percent: float
) -> None:
    stand_at(shop, stage, percent)
    with shop.begin() as connection:
        warehouse.sell(connection, "o9", dict.fromkeys(ARTICLES[:5], 6))
    both_paths(shop, WEEK)
    with shop.connect() as connection:
        placed = connection.execute(sa.text("SELECT article, path FROM warehouse.supplies ORDER BY article")).all()
    assert [row.article for row in placed] == sorted(ARTICLES[:5])
    owners = {row.path for row in placed}
    assert {"shadow": {"legacy"}, "event_driven": {"event_driven"}}.get(stage, owners) == owners


def test_a_day_only_compares(shop: sa.Engine) -> None:
    stand_at(shop, "event_driven")
    both_paths(shop, DAY)
    with shop.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM warehouse.supplies")) == 0


def test_the_report_speaks_of_this_job(shop: sa.Engine) -> None:
    both_paths(shop, DAY)
    both_paths(shop, WEEK)
    report = reported(shop, DAY, WEEK)
    assert (report.job, report.totals.pairs) == ("order again", 12)
    page = as_html(report)
    for said in ("order again", "packs", DAY, WEEK):
        assert said in page
    assert b'"job": "order again"' in as_json(report)


def sign(engine: sa.Engine, judged: Judgement) -> None:
    """Ada, who may, signs this report off, for stage `event_driven`."""
    now, token = datetime.now(UTC), new_token()
    granted = RoleGranted(
        person="ada", role="approver", public_key=public_key(token), by="bob", why="knows stock", occurred_at=now
    )
    sign_off = SignedOff(
        person="ada",
        report=judged.report,
        code_version=judged.code_version,
        policy=judged.policy,
        configuration=judged.configuration,
        stage="event_driven",
        percent=0.0,
        expires_at=now + timedelta(days=3),
        why="all match",
        signature=UNSIGNED,
        occurred_at=now,
    )
    with engine.begin() as connection:
        emit(connection, granted, signed(sign_off, token))
    sequence_all(engine, PARTITIONS)


def weighed(engine: sa.Engine, judged: Judgement) -> Weighed:
    """What becomes of the one sign-off."""
    with engine.connect() as connection:
        (found,) = weigh(
            migration(connection),
            Place(stage="event_driven"),
            judged,
            now=datetime.now(UTC),
            doubts=doubts(connection, judged),
        )
    return found


def test_I8_a_sign_off_on_this_job_holds_until_a_run_differs(shop: sa.Engine) -> None:
    stand_at(shop, "shadow")
    both_paths(shop, WEEK)
    digest = reported(shop, WEEK).digest
    with shop.connect() as connection:
        judged = judgement(connection, digest)
    assert (judged.pairs, judged.coverage, judged.mismatches) == (6, 1.0, 0)
    sign(shop, judged)
    assert weighed(shop, judged).reasons == ()
    both_paths(shop, DAY, rule=Rule(packs=(12, 1)))
    (reason,) = weighed(shop, judged).reasons
    assert f"Run {DAY}, which is not in the report, has 1 mismatch" in reason


def test_nothing_of_the_first_job_is_loaded() -> None:
    first = {"handlers", "console", "legacy_cron", "sandbox"}
    code = f"import sys, tests.second_job.job; print({first} & {{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"
