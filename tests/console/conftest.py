"""Where the commands of a test run: on the session's servers, with a database of the test's own."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import servers


@pytest.fixture
def home(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a system that is set up and empty."""
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "CUTOVER_STATE_DIR": str(tmp_path / "state")}


@pytest.fixture(scope="session")
def nowhere() -> dict[str, str]:
    """The environment of commands that must be refused before they would need a server: none could start here."""
    return {"CUTOVER_STATE_DIR": "/dev/null/state"}


@pytest.fixture
def small_disk(request: pytest.FixtureRequest) -> Iterator[Path]:
    """An empty file system of its own, of as many megabytes as the test's parameter says."""
    directory = Path(tempfile.mkdtemp(prefix="cutover-disk-"))
    options = f"size={request.param}m,mode=755"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        directory.rmdir()
        pytest.skip("only root, where the machine lets it, may mount a small file system")
    yield directory
    servers.stop(directory / "state")
    subprocess.run(["umount", str(directory)], check=True)
    directory.rmdir()
