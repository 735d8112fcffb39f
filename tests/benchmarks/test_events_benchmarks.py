"""The benchmarks of events and lists run, at sizes at which their figures mean nothing, and lose nothing."""

from pathlib import Path

import pytest

from benchmarks import appending, latency, rebuild, refresh
from console.playground import Playground
from runtime.servers import Servers


@pytest.fixture
def playground(running: Servers, state_dir: Path) -> Playground:
    return Playground(running, state_dir, 4, name="bench", workers=1)


def test_every_order_arrives_at_its_users_list(playground: Playground) -> None:
    figures = latency.measure(playground, latency.SMALL)
    assert (figures["orders_20"], figures["lost_20"]) == (10, 0)
    assert 0 < figures["p50_20_ms"] <= figures["p99_20_ms"]
    assert 0 < figures["round_trip_p50_ms"] <= figures["round_trip_p99_ms"]


def test_every_event_is_appended_and_read_by_both_sides(postgres_url: str) -> None:
    pytest.importorskip("psycopg_pool")
    figures = appending.measure(postgres_url, appending.SMALL)
    assert figures["events"] == appending.SMALL.single + appending.SMALL.bulk
    assert all(value > 0 for value in figures.values())


def test_lists_that_are_refreshed_equal_lists_that_are_computed_anew(postgres_url: str) -> None:
    figures = refresh.measure(postgres_url, refresh.SMALL)
    assert (figures["users"], figures["differing"]) == (60, 0)
    assert 0 < figures["one_product_ms"] <= figures["worst_product_ms"]
    assert figures["one_product_at_most"] > 1


def test_what_is_rebuilt_equals_what_was_held(playground: Playground) -> None:
    figures = rebuild.measure(playground, rebuild.SMALL)
    assert (figures["differing"], figures["lists"] > 50, figures["events"] > 300) == (0, True, True)
