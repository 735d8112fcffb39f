"""Real servers for every test: one embedded PostgreSQL and Valkey a session, a fresh migrated database a test."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from hypothesis import settings
from xdist.remote import Producer

from migrations.migrate import upgrade
from runtime import database as databases
from runtime import servers
from sandbox.shop.schema import create_tables
from tests import batch
from tests.distribution import ByFile, takes_long

# How long one example takes says more about what else the machine does than about the code.
settings.register_profile("cutover", deadline=None)
settings.load_profile("cutover")

_numbers = itertools.count(1)

collect_ignore = (
    ["legacy", "defects/test_mutants.py", "end_to_end/test_real_year.py", "end_to_end/test_removable.py"]
    if batch.RETIRED
    else []
)
"""What is about nothing but the batch. Other tests that need it skip themselves."""


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Which tests go to one worker together."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first."""
    items.sort(key=lambda item: not takes_long(item))


@pytest.fixture(scope="session")
def state_dir() -> Iterator[Path]:
    """The state directory of the session's embedded servers."""
    with tempfile.TemporaryDirectory(prefix="cutover-tests-", ignore_cleanup_errors=True) as directory:
        path = Path(directory)
        yield path
        servers.stop(path)


@pytest.fixture(scope="session")
def running(state_dir: Path) -> servers.Servers:
    """Both servers, started once.

    PostgreSQL does not wait for the disk, which is what dropping a database is slow by. A process that is killed loses
    nothing by it; only a machine that loses power would, and no test has one.
    """
    with patch.dict("runtime.postgres._SETTINGS", fsync="off", full_page_writes="off"):
        return servers.start(state_dir)


@pytest.fixture(scope="session")
def postgres_url(running: servers.Servers) -> str:
    """Where the session's PostgreSQL is."""
    return running.database_url


@pytest.fixture(scope="session")
def redis_url(running: servers.Servers) -> str:
    """Where the session's Valkey is."""
    return running.redis_url


@pytest.fixture(scope="session")
def template_url(postgres_url: str) -> str:
    """A migrated database with the shop's tables, which every test's own is copied from."""
    name = f"template_{os.getpid()}"
    databases.ensure_database(postgres_url, name)
    url = databases.database_url(postgres_url, name)
    engine = databases.create_engine(url)
    upgrade(engine)
    with engine.begin() as connection:
        create_tables(connection)
    engine.dispose()
    return url


@pytest.fixture
def fresh_database_url(postgres_url: str) -> Iterator[str]:
    """An empty database of the test's own."""
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    databases.ensure_database(postgres_url, name)
    yield databases.database_url(postgres_url, name)
    databases.drop_database(postgres_url, name)


@pytest.fixture
def database_url(postgres_url: str, template_url: str) -> Iterator[str]:
    """A migrated database of the test's own, with the shop's empty tables."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    template = sa.make_url(template_url).database
    administration = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with administration.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    administration.dispose()
    yield databases.database_url(postgres_url, name)
    databases.drop_database(postgres_url, name)


@pytest.fixture
def database(database_url: str) -> Iterator[sa.Engine]:
    """An engine on a migrated database of the test's own."""
    engine = databases.create_engine(database_url)
    yield engine
    engine.dispose()
