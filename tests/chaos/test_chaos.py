"""A small storm: real processes and servers are hurt under load, and at the end every book balances."""

from pathlib import Path

import pytest

from tests import batch
from tests.chaos.deck import every_blow
from tests.chaos.plan import Plan
from tests.chaos.showing import verdict
from tests.chaos.storm_and_sheet import storm_and_sheet

pytestmark = batch.only_before


@pytest.mark.timeout(600)
def test_I2_I3_the_books_balance_after_a_storm_over_real_processes(tmp_path: Path) -> None:
    # This seed begins with SIGKILL for senders, stand-in, PostgreSQL and Valkey.
    plan = Plan(seconds=300, blows=4, seed=2865, users=60, quota=30, workers=1, interval=1.0, longest=2.0, hurry=True)
    said: list[str] = []
    sheet = storm_and_sheet(tmp_path, plan, said.append, said.append)
    assert not sheet.wrong, "\n".join([*said, *sheet.wrong])
    assert len(sheet.fell) >= 3, said
    assert len(sheet.runs) >= 2
    assert all(books.balanced and books.planned == 60 and books.most_for_one_user == 1 for books in sheet.runs)
    assert verdict(sheet).startswith("GOOD")


def test_no_blow_is_there_twice_and_everybody_is_hit() -> None:
    blows = [(blow.target, blow.kind) for blow in every_blow()]
    assert len(blows) == len({*blows})
    assert {target for target, _ in blows} == {
        "relay", "worker", "emails", "tracking", "web", "stand-in", "PostgreSQL", "Valkey"
    }  # fmt: skip
    assert {"killed", "paused", "restarted", "cut off"} <= {kind for _, kind in blows}


def test_nobody_is_frozen_for_half_of_a_lease() -> None:
    with pytest.raises(ValueError, match="expected at most 30 s"):
        Plan(longest=31)
