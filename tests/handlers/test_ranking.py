"""The shortlist with its proof gives what scoring everything would give, also as of an earlier log position."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import product

import numpy as np
import pytest
import sqlalchemy as sa

from events import Batch, Event, ProductAdded, ProductChanged, ProductId, ProductRetired, Recorded
from handlers.catalogue import Catalogue, CatalogueView, record_versions
from handlers.ranking import Floats, Ranked, Rows, best, exact_scores, rank

AT = datetime(2026, 1, 5, tzinfo=UTC)
COLOURS = ("red", "blue", "green", "white", "black", "pink", "grey")
THINGS = ("mug", "towel", "lamp", "jug", "bowl", "fork", "tray", "vase")
STYLES = ("garden", "kitchen", "retro", "vintage", "paper", "metal")


def added(number: int, name: str) -> Event:
    return ProductAdded(product_id=ProductId(f"p{number:04}"), revision=1, name=name, price=1, occurred_at=AT)


def catalogue_of(database: sa.Engine, events: Sequence[Event]) -> Catalogue:
    catalogue = Catalogue()
    recorded = [Recorded(position, event) for position, event in enumerate(events, 1)]
    with database.begin() as connection:
        record_versions(connection, Batch(partition=0, after=0, events=recorded, upto=len(recorded)))
        catalogue.load(connection)
    return catalogue


def brute_force(view: CatalogueView, direction: Floats, bought: Rows) -> Ranked:
    candidates = [row for row in range(len(view.ids)) if view.active[row] and row not in set(bought.tolist())]
    return best([view.ids[row] for row in candidates], exact_scores(direction, view.match[candidates]))


def users(view: CatalogueView, count: int) -> tuple[Floats, list[Rows]]:
    """Tastes from one product to many hundreds, bought by themselves."""
    random = np.random.default_rng(7)
    directions, bought = [], []
    for number in range(count):
        rows = random.choice(len(view.ids), size=1 + number**2 % 600, replace=False)
        taste = view.taste[rows].sum(axis=0)
        directions.append(taste / np.linalg.norm(taste))
        bought.append(rows)
    return np.array(directions), bought


@pytest.fixture
def events() -> list[Event]:
    """2,000 products of 336 names, so that every score is a tie of about six; then changes and retirements."""
    names = [" ".join(words) for words in product(STYLES, COLOURS, THINGS)]
    told = [added(number, names[number * 5 % len(names)]) for number in range(2000)]
    for number in range(0, 400, 3):
        kind = ProductRetired if number % 2 else ProductChanged
        told.append(
            kind(product_id=ProductId(f"p{number:04}"), revision=2, name="retro blue mug", price=1, occurred_at=AT)
        )
    return told


@pytest.mark.parametrize("position", [2134, 2060, 2000, 700, 3])
def test_the_shortlist_gives_what_scoring_everything_gives(
    database: sa.Engine, events: list[Event], position: int
) -> None:
    catalogue = catalogue_of(database, events)
    newest = catalogue.at(len(events))
    directions, bought = users(newest, 60)
    view = catalogue.at(position)
    expected = [brute_force(view, direction, rows) for direction, rows in zip(directions, bought, strict=True)]
    assert rank(view, directions, bought) == expected


def test_a_view_does_not_know_what_comes_after_its_position(database: sa.Engine, events: list[Event]) -> None:
    catalogue = catalogue_of(database, events)
    assert catalogue.at(700).active.sum() == 700
    early, late = catalogue.at(2000).version(3), catalogue.at(len(events)).version(3)
    assert early is not None
    assert late is not None
    assert (early.active, late.active) == (True, False)
    assert catalogue.at(3).version(3) is None


def test_a_lower_revision_told_later_changes_nothing(database: sa.Engine) -> None:
    newer = ProductChanged(product_id=ProductId("p"), revision=2, name="new", price=2, occurred_at=AT)
    older = ProductAdded(product_id=ProductId("p"), revision=1, name="old", price=1, occurred_at=AT)
    version = catalogue_of(database, [newer, older]).at(2).version(0)
    assert version is not None
    assert (version.name, version.price) == ("new", 2)
