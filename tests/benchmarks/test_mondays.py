"""The benchmarks of Monday and of growth run, at sizes at which their figures mean nothing."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks import growth, monday
from benchmarks.monday import both_paths, figures
from benchmarks.peers import textbook
from benchmarks.phases import Phases
from benchmarks.shop import RUN, Size, fill
from benchmarks.textbook_monday import Textbook, held_against
from runtime.database import drop_database
from runtime.servers import Servers
from tests import batch
from tests.benchmarks.hand_advanced import HandAdvanced

pytestmark = batch.only_before

USERS = 120


@pytest.fixture
def playgrounds(
    running: Servers, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], HandAdvanced]]:
    """Makes playgrounds, one at a time; their database goes at the end. Shops are loaded in this process."""
    monkeypatch.setattr(monday, "load_shop", fill)
    monkeypatch.setattr(growth, "load_shop", fill)
    name = f"benchmark_{os.getpid()}"
    yield lambda: HandAdvanced(running, state_dir, 4, name=name, workers=0)
    drop_database(running.database_url, f"cutover_{name}")


@pytest.fixture
def playground(playgrounds: Callable[[], HandAdvanced]) -> HandAdvanced:
    """One of them."""
    return playgrounds()


@pytest.fixture
def tasks_at_once(playground: HandAdvanced, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The textbook's tasks run where they are published, on the playground's database."""
    monkeypatch.setenv("DATABASE_URL", playground.system.servers.database_url)
    textbook.app.conf.update(broker_url="memory://", task_always_eager=True, task_eager_propagates=True)
    textbook.engine.cache_clear()
    textbook.catalogue_of.cache_clear()
    yield
    textbook.engine().dispose()
    textbook.app.conf.update(task_always_eager=False, task_eager_propagates=False)


@pytest.mark.usefixtures("tasks_at_once")
def test_the_textbook_design_comes_to_the_same_as_both_paths(playground: HandAdvanced) -> None:
    size = Size(users=USERS, products=60, order_lines=6 * USERS)
    phases = Phases()
    with playground:
        totals = both_paths(playground, size, phases)
        users = _run_textbook(playground.engine, phases)
        mailed, same = held_against(playground.engine, RUN, users)
        assert (totals.pairs, totals.match, len(users), same) == (USERS, USERS, USERS, USERS)
        assert 0 < mailed < USERS
        _recommend_something_else(playground.engine)
        assert held_against(playground.engine, RUN, users) == (mailed, USERS - 1)
    printed = figures(size, phases, totals, Textbook(users=USERS, mailed=mailed, same=same))
    assert printed["textbook_users"] == USERS
    assert float(str(printed["textbook_ratio"])) > 0
    assert 0 < float(str(printed["largest_process_mb"])) < 2_000


def test_growth_is_told_of_every_phase(
    playgrounds: Callable[[], HandAdvanced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "PRODUCTS", 60)
    by_size = {}
    for users in (20, 40):
        phases = Phases()
        with playgrounds() as playground:
            growth.run_phases(playground, users, phases)
        by_size[users] = phases.as_figures()
    told = growth.figures(by_size)
    assert told["sizes"] == [20, 40]
    assert list(told["phases"]) == ["load", "backfill_and_fold", "event_driven", "legacy", "reconcile", "refresh"]  # type: ignore[call-overload]
    assert told["worst_time_phase"] != "load"


def _run_textbook(engine: sa.Engine, phases: Phases) -> list[str]:
    with engine.begin() as connection:
        connection.execute(textbook.SCHEMA)
        users = list(connection.scalars(sa.text("SELECT user_id FROM shop.users")))
    with phases.measured("textbook"):
        textbook.start_week(RUN)
    return users


def _recommend_something_else(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text("""
                UPDATE textbook.recommendations SET scores[1] = scores[1] + 0.000001
                WHERE user_id = (SELECT min(user_id) FROM textbook.emails)
            """)
        )
