"""`cutover defects`: the list, what it refuses, and the table of what was noticed."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from console.defect_rows import COLUMNS, markdown, row_of
from console.failures import Exit
from console.rehearsal import Rehearsed
from reconcile import Totals
from sandbox.defects import CATALOGUE
from tests.console.commands import cutover


def test_the_list_names_every_defect_with_its_path_what_it_does_and_its_cause(nowhere: dict[str, str]) -> None:
    answer = cutover("defects", "--json", env=nowhere)
    assert answer.code == Exit.GOOD
    assert json.loads(answer.stdout) == [
        {"name": name, "path": each.path, "what": each.what, "cause": each.cause} for name, each in CATALOGUE.items()
    ]
    shown = cutover("defects", env=nowhere).stdout
    assert all(name in shown and each.what in shown for name, each in CATALOGUE.items())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--only", "tie_order,gremlins"), "unknown defect 'gremlins'; expected one of: tie_order, "),
        (("--markdown", "x.md"), "give --rehearse too"),
        (("--rehearse", "--markdown", "/nowhere/x.md"), "there is no directory /nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused(nowhere: dict[str, str], arguments: Sequence[str], told: str) -> None:
    answer = cutover("defects", *arguments, env=nowhere)
    assert answer.code == Exit.WRONG_USE
    assert told in answer.told


def rehearsed(*totals: Totals) -> Rehearsed:
    return Rehearsed(totals=totals, delivered=(), events=0, seconds=0.0, report=Path(str(date.min)))


def test_a_row_adds_up_all_runs_and_says_whether_the_defect_was_noticed() -> None:
    row = row_of(
        "tie_order",
        rehearsed(
            Totals(run="2026-W46", pairs=1000, match=998, mismatch=2, kinds={"order": 2}),
            Totals(run="2026-W47", pairs=1000, match=996, mismatch=3, incomplete=1, kinds={"order": 2, "members": 1}),
        ),
    )
    assert (row.pairs, row.mismatch, row.incomplete) == (2000, 5, 1)
    assert row.kinds == {"order": 4, "members": 1}
    assert row.exit_code == Exit.NO
    assert row.as_expected
    header, rule, line = markdown([row]).splitlines()
    assert header == f"| {' | '.join(COLUMNS)} |"
    assert rule.count("---") == len(COLUMNS)
    assert "| 5 / 1 of 2,000 | order 4, members 1 | 1 |" in line


@pytest.mark.parametrize(("name", "mismatch"), [("tie_order", 0), (None, 1)])
def test_a_defect_without_a_difference_and_a_difference_without_a_defect_are_not_as_expected(
    name: str | None, mismatch: int
) -> None:
    row = row_of(name, rehearsed(Totals(run="2026-W47", pairs=9, match=9 - mismatch, mismatch=mismatch)))
    assert not row.as_expected
