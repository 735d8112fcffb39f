"""The answer on top of the report says in words what the numbers mean."""

import pytest

from reconcile.answer import answer
from reconcile.totals import CauseTotal, Totals

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
    assert "at most 0.0224 % of such pairs" in " ".join(answer([GOOD]).sentences)


def test_what_could_not_be_judged_is_told_beside_what_differs() -> None:
    found = answer([Totals(run="r1", pairs=4, match=1, mismatch=1, incomplete=2)])
    assert "Another 2 pairs could not be judged." in found.sentences


def cause(units: int, says: str, suspect: str = "s") -> CauseTotal:
    return CauseTotal(path="event_driven", suspect=suspect, says=says, units=units)


def test_causes_are_told_over_all_runs_by_size_and_four_at_most() -> None:
    many = (cause(4_000, "ties are listed by descending id"), cause(1, "one"), cause(9, "nine"), cause(8, "eight"))
    more = (cause(186, "ties are listed by descending id"), cause(7, "seven"), cause(6, "six"))
    found = answer(
        [
            Totals(run="r1", pairs=9_000, match=4_000, mismatch=5_000, causes=many),
            Totals(run="r2", pairs=9_000, match=8_000, mismatch=1_000, causes=more),
        ]
    )
    assert found.sentences[:6] == (
        "4,186 pairs: the event-driven path: ties are listed by descending id.",
        "9 pairs: the event-driven path: nine.",
        "8 pairs: the event-driven path: eight.",
        "7 pairs: the event-driven path: seven.",
        "2 further causes are named below.",
        "No mismatch is left unexplained.",
    )


def test_how_many_nothing_explains_is_told() -> None:
    causes = (cause(812, "", suspect=""), cause(2, "two"))
    found = answer([Totals(run="r1", pairs=900, match=86, mismatch=814, unexplained=812, causes=causes)])
    assert found.sentences == (
        "2 pairs: the event-driven path: two.",
        "Of 812 pairs nothing explains how the paths came to differ.",
    )


def test_what_explains_is_told_apart() -> None:
    because = {"timing": 3, "noise": 2, "accepted": 1}
    sentences = answer([Totals(run="r1", pairs=1000, match=994, explained=6, because=because)]).sentences
    assert [sentence.partition(" ")[0] for sentence in sentences[:3]] == ["3", "2", "1"]
    assert "the policy accepts how they differ" in sentences[2]


def test_what_the_policy_accepts_in_most_e_mails_is_no_reason_to_wait() -> None:
    """A wording that is meant to change, say. Its pairs were compared, and differ in nothing else."""
    found = answer([Totals(run="r1", pairs=1000, match=400, explained=600, granted=600, because={"accepted": 600})])
    assert found.state == "ready"
    assert "None of 1,000 pairs with equal inputs differs in any other way" in found.sentences[-1]
    timed = answer(
        [Totals(run="r1", pairs=1000, match=400, explained=600, granted=1, because={"timing": 599, "accepted": 1})]
    )
    assert timed.state == "incomplete"
    assert "In run r1 only 401 of 1,000 pairs had equal inputs" in timed.sentences[-1]
    missing = answer([Totals(run="r1", pairs=1000, match=400, explained=600, because={"accepted": 600})])
    assert missing.state == "incomplete"
