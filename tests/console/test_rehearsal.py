"""A rehearsal's stretches: every action happens once, before a run or while it is going on."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from console.rehearsal import _stretches
from sandbox.shop.actions import RetireProduct
from shadow.schedule import scheduled_at

RUNS = ["2026-11-14", "2026-11-15", "2026-W47"]
FIRST, LAST = scheduled_at(RUNS[0]), scheduled_at(RUNS[-1])


@given(
    hours=st.lists(st.integers(-30, 90), max_size=30).map(sorted),
    start=st.integers(0, 5),
    meanwhile=st.integers(0, 7),
)
def test_every_action_happens_once_and_in_order_and_none_before_a_run_that_is_due_after_it(
    hours: list[int], start: int, meanwhile: int
) -> None:
    actions = [RetireProduct(at=FIRST + timedelta(hours=hour), product_id="p") for hour in hours]
    start = min(start, len(actions))
    stretches = list(_stretches(actions, start, RUNS, meanwhile))
    assert [stretch.run for stretch in stretches] == RUNS
    happened = [action for stretch in stretches for action in (*stretch.before, *stretch.meanwhile)]
    assert happened == actions[start : start + len(happened)]
    assert all(action.at >= LAST for action in actions[start + len(happened) :])
    for stretch in stretches:
        due = scheduled_at(stretch.run)
        assert all(action.at < due for action in stretch.before)
        assert all(action.at >= due for action in stretch.meanwhile)
        assert len(stretch.meanwhile) <= meanwhile
