"""In the plot of the runs every verdict that occurs is seen, and nothing is drawn that does not occur."""

from hypothesis import given
from hypothesis import strategies as st

from reconcile.plot import LEAST, ROOM, STACKED, TOP, plot
from reconcile.totals import Totals

numbers = st.integers(min_value=0, max_value=200_000)


def totals(match: int, explained: int = 0, incomplete: int = 0, mismatch: int = 0) -> Totals:
    pairs = match + explained + incomplete + mismatch
    return Totals(run="r", pairs=pairs, match=match, explained=explained, incomplete=incomplete, mismatch=mismatch)


def test_one_mismatch_in_a_hundred_thousand_is_seen() -> None:
    (column,) = plot([totals(99_999, mismatch=1)]).columns
    match, mismatch = column.segments
    assert mismatch.ruling == "mismatch"
    assert mismatch.height >= LEAST - 0.01
    assert match.y == mismatch.y + mismatch.height


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=40))
def test_columns_stand_on_the_ground_and_stay_inside(counts: list[tuple[int, int, int, int]]) -> None:
    runs = [totals(*each) for each in counts]
    drawn = plot(runs)
    for run, column in zip(runs, drawn.columns, strict=True):
        assert [segment.ruling for segment in column.segments] == [each for each in STACKED if getattr(run, each)]
        assert all(segment.height >= LEAST - 0.01 for segment in column.segments)
        assert TOP - 0.1 <= column.top <= TOP + ROOM
        assert 0 <= column.x <= drawn.width - drawn.bar + 0.1


def test_columns_without_room_for_names_have_them_upwards() -> None:
    assert not plot([totals(1)] * 7).rotated
    assert plot([totals(1)] * 28).rotated
