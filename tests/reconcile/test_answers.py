"""The answer on top of the report says in words what the numbers mean."""

import pytest

from reconcile.answer import answer
from reconcile.totals import Totals

GOOD = Totals(run="r1", pairs=21_830, match=21_830)


@pytest.mark.parametrize(
    ("totals", "doubts", "state", "headline"),
    [
        ([GOOD], [], "ready", "All 21,830 pairs match."),
        (
            [Totals(run="r1", pairs=21_830, match=21_018, mismatch=812)],
            [],
            "differ",
            "812 of 21,830 pairs differ: not ready.",
        ),
        ([GOOD, Totals(run="r2", pairs=1, mismatch=1)], [], "differ", "1 of 21,831 pairs differs: not ready."),
        (
            [Totals(run="r1", pairs=1000, match=998, explained=2)],
            [],
            "ready",
            "998 of 1,000 pairs match, the other 2 are explained.",
        ),
        (
            [Totals(run="r1", pairs=10, match=8, explained=2)],
            [],
            "incomplete",
            "8 of 10 pairs match, the other 2 are explained.",
        ),
        (
            [Totals(run="r1", pairs=10, match=8, incomplete=2)],
            [],
            "incomplete",
            "2 of 10 pairs could not be judged: not ready yet.",
        ),
        ([Totals(run="r1", pairs=0)], [], "incomplete", "Nothing was compared: not ready yet."),
        ([], [], "incomplete", "Nothing was compared: not ready yet."),
        (
            [Totals(run="r1", pairs=2, explained=2)],
            [],
            "incomplete",
            "None of 2 pairs had equal inputs: not ready yet.",
        ),
        (
            [GOOD],
            ["Run r1 is old."],
            "incomplete",
            "No pair differs, but this evidence cannot be relied on: not ready yet.",
        ),
        (
            [Totals(run="r1", pairs=2, match=2, unfinished=("legacy",))],
            [],
            "incomplete",
            "No pair differs, but this evidence cannot be relied on: not ready yet.",
        ),
    ],
)
def test_the_headline_answers_the_question(totals: list[Totals], doubts: list[str], state: str, headline: str) -> None:
    found = answer(totals, doubts)
    assert (found.state, found.headline) == (state, headline)
    assert found.signing.startswith({"ready": "Yes.", "differ": "No.", "incomplete": "Not yet."}[state])
    assert set(doubts) <= set(found.sentences)


def test_a_good_answer_says_how_sure_it_is() -> None:
    assert "at most 0.014 % of such pairs" in " ".join(answer([GOOD]).sentences)


def test_what_could_not_be_judged_is_told_beside_what_differs() -> None:
    found = answer([Totals(run="r1", pairs=4, match=1, mismatch=1, incomplete=2)])
    assert "Another 2 pairs could not be judged." in found.sentences
