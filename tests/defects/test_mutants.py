"""Mutants of the frozen batch: made in memory, and refused when the text they replace is not there exactly once."""

import ast
import sys

import pytest

from legacy_cron import weekly_recommendations
from sandbox.defects import CATALOGUE
from sandbox.defects.mutants import SCRIPT, NotOnce, mutant, mutated

OF_THE_BATCH = {name: defect for name, defect in CATALOGUE.items() if defect.path == "legacy"}


def test_every_piece_is_replaced() -> None:
    assert mutated("a = 1; b = 2", {"1": "3", "b": "c"}) == "a = 3; c = 2"


@pytest.mark.parametrize(("piece", "count"), [("gremlins", 0), ("a", 2)])
def test_a_piece_that_is_not_there_exactly_once_is_refused_by_name(piece: str, count: int) -> None:
    with pytest.raises(NotOnce, match=f"'{piece}' occurs {count} times in .*weekly_recommendations.py; expected"):
        mutated("a b a", {piece: "other"})


def test_a_mutant_differs_from_the_batch_where_it_was_told_to_and_leaves_the_batch_alone() -> None:
    source = SCRIPT.read_text("utf-8")
    changed = mutant({"LIST_LENGTH = 5": "LIST_LENGTH = 4"})
    assert vars(changed)["LIST_LENGTH"] == 4
    assert weekly_recommendations.LIST_LENGTH == 5
    assert SCRIPT.read_text("utf-8") == source
    assert changed.__name__ not in sys.modules
    assert SCRIPT.samefile(weekly_recommendations.__file__)


@pytest.mark.parametrize("name", OF_THE_BATCH)
def test_every_defect_of_the_legacy_path_is_another_program_than_the_batch(name: str) -> None:
    source = SCRIPT.read_text("utf-8")
    changed = mutated(source, OF_THE_BATCH[name].mutations)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source))
    assert callable(OF_THE_BATCH[name].batch())


def test_a_defect_of_the_event_driven_path_leaves_the_batch_as_it_is() -> None:
    assert all((defect.batch() is None) == (defect.path == "event_driven") for defect in CATALOGUE.values())
