"""Servers in directories of their own, stopped whatever a test does to them."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from runtime import database, servers


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A short path that other users may pass, unlike pytest's own directories."""
    parent = Path(tempfile.mkdtemp(prefix="cutover-test-"))
    parent.chmod(0o755)
    directory = parent / "state"
    yield directory
    servers.stop(directory)
    shutil.rmtree(parent)


@pytest.fixture(scope="session")
def shared_servers() -> Iterator[servers.Servers]:
    """Both servers, for the tests that only want to use one."""
    directory = Path(tempfile.mkdtemp(prefix="cutover-test-"))
    yield servers.start(directory / "state")
    servers.stop(directory / "state")
    shutil.rmtree(directory)


@pytest.fixture
def engine(shared_servers: servers.Servers) -> Iterator[sqlalchemy.Engine]:
    engine = database.create_engine(shared_servers.database_url)
    yield engine
    engine.dispose()
