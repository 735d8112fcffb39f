"""The processes of simulations, once a module."""

from collections.abc import Iterator

import pytest

from tests.simulation.fleet import Fleet
from tests.simulation.playing import fleet_on


@pytest.fixture(scope="module")
def fleet(postgres_url: str, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """Sessions on a database of the module's own."""
    with fleet_on(postgres_url, f"simulation_{request.module.__name__.rpartition('.')[2]}") as made:
        yield made
