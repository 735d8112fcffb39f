"""Servers restarted in mid-campaign: what was committed stands, and everybody gets one e-mail."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime import servers, state
from runtime.postgres import Postgres
from runtime.valkey import Valkey
from tests.deadline import wait_until
from tests.end_to_end.balance import balance
from tests.end_to_end.campaigns import CampaignShop, campaign_shop

SECONDS = 60.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of servers of our own: nobody else's may be restarted."""
    path = tmp_path_factory.mktemp("home")
    yield path
    servers.stop(path)


@pytest.fixture(scope="module")
def shop(home: Path) -> Iterator[CampaignShop]:
    with campaign_shop(servers.start(home), home, "servers", users=300, quota=200) as started:
        # Celery 5.7 may end when it loses its broker in the midst of an acknowledgement; a supervisor starts it again.
        started.playground.revives = True
        yield started


def restart_valkey(home: Path) -> None:
    valkey = Valkey(state_dir=home, sockets=state.sockets(home))
    assert valkey.stop(deadline=SECONDS)
    valkey.start(deadline=SECONDS)


def restart_valkey_without_its_data(home: Path) -> None:
    valkey = Valkey(state_dir=home, sockets=state.sockets(home))
    assert valkey.stop(deadline=SECONDS)
    shutil.rmtree(valkey.data)
    valkey.start(deadline=SECONDS)


def restart_postgres_fast(home: Path) -> None:
    postgres = Postgres(state_dir=home, sockets=state.sockets(home))
    assert postgres.stop(deadline=SECONDS)
    postgres.start(deadline=SECONDS)


def restart_postgres_immediately(home: Path) -> None:
    """Every session is cut off where it is, and the log is replayed at the start."""
    postgres = Postgres(state_dir=home, sockets=state.sockets(home))
    pid = postgres.pid()
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    wait_until(lambda: postgres.pid() is None, seconds=SECONDS, what="the end of PostgreSQL")
    postgres.start(deadline=SECONDS)


@pytest.mark.parametrize("restart", [restart_valkey, restart_valkey_without_its_data])
def test_I5_a_restarted_redis_costs_nothing_but_time(
    shop: CampaignShop, home: Path, restart: Callable[[Path], None]
) -> None:
    run = shop.begun()
    restart(home)
    shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users}
    assert shop.told(run, "EmailUnconfirmed") == 0


@pytest.mark.parametrize("restart", [restart_postgres_fast, restart_postgres_immediately])
def test_a_restarted_database_leaves_unconfirmed_only_claims_whose_commit_nobody_heard_of(
    shop: CampaignShop, home: Path, restart: Callable[[Path], None]
) -> None:
    run = shop.begun()
    restart(home)
    left = shop.outlived(run, shop.in_state(run, "sending"))
    states = balance(shop, run, never_arrived=left)
    assert states["accepted"] == shop.users - len(left)
    # A commit is a matter of a millisecond: it takes bad luck to be cut off in the middle of even one batch.
    assert len(left) <= 2 * 64
    assert shop.told(run, "EmailFailed") == 0
