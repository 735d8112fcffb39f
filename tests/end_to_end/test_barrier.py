"""The barrier between this week and the next, and what becomes of facts that arrive on its edge."""

from datetime import datetime
from pathlib import Path

import psycopg
import sqlalchemy as sa

from console.weekly_job import PLAN
from events import emit
from reconcile import write_report
from sandbox.shop.actions import ChangeProduct, Unsubscribe
from shadow.schedule import run_event
from tests import batch
from tests.end_to_end.conftest import MONDAY, RUN, Weekly, order


def test_both_paths_agree_on_every_user_of_a_small_shop(weekly: Weekly) -> None:
    weekly.happen(Unsubscribe(at=MONDAY, user_id="u3"))
    weekly.legacy()
    weekly.settle()
    totals = weekly.reconcile()
    assert (totals.pairs, totals.match) == (6, 6)
    assert len(weekly.items("u0")) == 5
    assert weekly.items("u3") == []
    assert weekly.items("u4") == weekly.items("u5"), "users without history get what is popular"


def test_I6_an_order_just_after_week_started_is_next_weeks(weekly: Weekly) -> None:
    weekly.barrier()
    weekly.happen(order("late", "u0", "p4", "p8"))
    weekly.settle()
    bought_late = {"p4", "p8"} & set(weekly.items("u0"))
    assert bought_late, "this week's list still offers what the late order bought"
    weekly.barrier("2026-W48")
    weekly.settle()
    assert not {"p4", "p8"} & set(weekly.items("u0", run="2026-W48")), "next week's does not"


def test_I6_the_frozen_lists_do_not_depend_on_when_the_partitions_get_to_the_barrier(weekly: Weekly) -> None:
    weekly.barrier()
    weekly.happen(order("late", "u0", "p4", "p8"))
    weekly.happen(ChangeProduct(at=MONDAY, product_id="p9", name="Enamel Lantern", price=999))
    weekly.settle()
    late = {user: weekly.items(user) for user in ("u0", "u1", "u2", "u3", "u4", "u5")}
    weekly.barrier("2026-11-20")
    weekly.settle()
    assert late["u1"] != weekly.items("u1", run="2026-11-20"), "the renamed product changes a later list"
    assert "p9" in weekly.items("u0", run="2026-11-20")


def test_I7_a_pair_whose_legacy_side_saw_a_late_order_is_explained_and_the_report_names_it(
    weekly: Weekly, tmp_path: Path
) -> None:
    weekly.barrier()
    weekly.happen(order("late", "u0", "p4", "p8"))
    tapped = weekly.legacy()
    weekly.settle()
    totals = weekly.reconcile()
    assert tapped.late_events == 1
    assert weekly.items("u0", "legacy") != weekly.items("u0", "event_driven")
    assert (totals.mismatch, totals.incomplete) == (0, 0)
    explained = weekly.comparisons()
    assert set(explained) == {"u0", "u4", "u5"}, "the buyer, and those who are offered what is popular"
    assert {row.verdict for row in explained.values()} == {"explained"}
    assert "OrderPlaced:late" in str(explained["u0"].causes)
    assert totals.match == 3
    page = write_report(weekly.engine, [RUN], PLAN, tmp_path)
    assert "OrderPlaced:late" in page.read_text()


def test_I7_a_late_event_that_changes_nothing_visible_is_still_no_match(weekly: Weekly) -> None:
    weekly.barrier()
    weekly.happen(order("late", "u1", "p1"))
    weekly.legacy()
    weekly.settle()
    weekly.reconcile()
    assert weekly.items("u1", "legacy") == weekly.items("u1", "event_driven")
    assert weekly.comparisons()["u1"].verdict == "explained"


def test_I7_a_row_the_log_never_heard_of_makes_the_pair_incomplete(weekly: Weekly) -> None:
    with weekly.engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO shop.orders (order_id, user_id, placed_at) VALUES ('unheard', 'u2', :at)"),
            {"at": MONDAY},
        )
        connection.execute(
            sa.text("INSERT INTO shop.order_lines (order_id, product_id, quantity) VALUES ('unheard', 'p0', 1)")
        )
    weekly.legacy()
    weekly.settle()
    totals = weekly.reconcile()
    assert totals.mismatch == 0
    found = weekly.comparisons()
    assert found["u2"].verdict == "incomplete"
    assert "history" in str(found["u2"].causes)


def test_the_event_driven_path_does_not_wait_for_the_legacy_batch(weekly: Weekly) -> None:
    def settle_first(connection: psycopg.Connection, mailer: object, scheduled_at: datetime) -> object:
        weekly.settle()
        return batch.weekly_recommendations()(connection, mailer, scheduled_at)

    weekly.batch = settle_first
    weekly.legacy()
    assert weekly.reconcile().match == 6


def test_a_run_that_is_begun_twice_is_one_run_and_nothing_is_refused(weekly: Weekly) -> None:
    event = run_event(RUN)
    with weekly.engine.begin() as connection:
        emit(connection, event, event)
    weekly.legacy()
    with weekly.engine.begin() as connection:
        emit(connection, event)
    weekly.settle()
    with weekly.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM cutover.refused_events")) == 0
    assert weekly.reconcile().match == 6


def test_a_legacy_run_started_twice_records_once(weekly: Weekly) -> None:
    first, second = weekly.legacy(), weekly.legacy()
    weekly.settle()
    assert (first.outcomes, first.already) == (6, False)
    assert (second.outcomes, second.already) == (0, True)
    assert weekly.reconcile().match == 6
