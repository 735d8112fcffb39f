"""Moves: which stages may follow which, and that a larger canary only ever takes more."""

import pytest

from events.stage_events import Stage
from shadow.errors import IllegalMove
from shadow.moves import STAGES, Place, check_backward, check_forward, forward, place, proposed

PLACES = [
    Place(stage="legacy"),
    Place(stage="shadow"),
    Place(stage="canary", percent=5.0),
    Place(stage="canary", percent=25.0),
    Place(stage="event_driven"),
    Place(stage="retired"),
]
LEGAL = {(0, 1), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4), (4, 5)}


@pytest.mark.parametrize("here", range(6))
@pytest.mark.parametrize("there", range(6))
def test_forward_leads_one_stage_at_a_time_and_back_leads_anywhere(here: int, there: int) -> None:
    assert forward(PLACES[here], PLACES[there]) == (there > here)
    for check, legal in ((check_forward, (here, there) in LEGAL), (check_backward, there < here)):
        if legal:
            check(PLACES[here], PLACES[there])
        else:
            with pytest.raises(IllegalMove):
                check(PLACES[here], PLACES[there])


@pytest.mark.parametrize(
    ("stage", "percent", "said"),
    [
        ("canary", None, "needs a percentage"),
        ("canary", 0.0, "is 0: expected over 0"),
        ("canary", 101.0, "is 101: expected"),
        ("shadow", 5.0, "only canary has one"),
    ],
)
def test_a_percentage_belongs_to_a_canary(stage: Stage, percent: float | None, said: str) -> None:
    with pytest.raises(IllegalMove, match=said):
        place(stage, percent)


def test_the_proposed_steps_lead_from_the_first_stage_to_the_last() -> None:
    here, steps = Place(stage="legacy"), 0
    while (there := proposed(here)) is not None:
        check_forward(here, there)
        here, steps = there, steps + 1
    assert (here.stage, steps) == (STAGES[-1], 6)
