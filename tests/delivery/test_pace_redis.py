"""The pace on a Redis that other processes use, that restarts, and that is away or may not write."""

import asyncio
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from handlers.delivery.pace import Limits, Pace, PaceUnavailable, Verdict
from handlers.delivery.provider import DeliveryError
from runtime.valkey import Valkey
from tests.deadline import wait_until

PROCESSES = 4


def test_four_processes_together_keep_the_quota(redis_url: str) -> None:
    quota, window = 40, 0.2
    namespace = f"test-{uuid4().hex}"
    command = [sys.executable, "-m", "tests.delivery.pace_worker", redis_url, namespace, str(quota), str(window), "1.2"]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    outputs = [worker.communicate(timeout=120)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * PROCESSES
    sent = sorted(float(moment) for output in outputs for moment in output.split())
    # The system may steer the clock that Redis reads by half a thousandth against this one.
    too_close = [a for a, b in zip(sent, sent[quota:], strict=False) if b - a < window * 0.999]
    assert sent
    assert not too_close


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A server of the test's own, to be treated badly."""
    with tempfile.TemporaryDirectory(prefix="cutover-pace-", ignore_cleanup_errors=True) as directory:
        server = Valkey(state_dir=Path(directory), sockets=Path(directory))
        server.start(deadline=60)
        yield server
        server.stop(deadline=60)


@asynccontextmanager
async def paced(url: str, retries: int = 0) -> AsyncIterator[Pace]:
    async with Redis.from_url(url, retry=Retry(NoBackoff(), retries)) as client:
        yield Pace(client, "test", Limits(quota=0))


async def both_refuse(pace: Pace, message: str) -> None:
    with pytest.raises(PaceUnavailable, match=message):
        await pace.acquire(1)
    with pytest.raises(PaceUnavailable, match=message):
        await pace.settle([("1:1", Verdict.SUCCESS)])


def test_without_redis_nothing_may_be_sent(tmp_path: Path) -> None:
    async def run() -> None:
        async with paced(f"unix://{tmp_path}/none.sock") as pace:
            await both_refuse(pace, "Redis is away, so nothing may be sent")
            with pytest.raises(DeliveryError):
                await pace.state()

    asyncio.run(run())


def test_a_redis_that_comes_back_without_its_scripts_is_taught_them_again(valkey: Valkey) -> None:
    async def run() -> None:
        async with paced(valkey.url, retries=1) as pace:
            (slot,) = (await pace.acquire(1)).slots
            valkey.stop(deadline=60)
            await both_refuse(pace, "Redis is away")
            valkey.start(deadline=60)
            await pace.settle([(slot.token, Verdict.SUCCESS)])
            assert (await pace.state()).in_flight == 0
            assert (await pace.acquire(1)).slots

    asyncio.run(run())


def test_a_redis_that_may_not_write_gives_nothing_out(valkey: Valkey) -> None:
    full = {"maxmemory": ("1", "0"), "min-replicas-to-write": ("1", "0")}

    async def run() -> None:
        with redis.Redis.from_url(valkey.url) as administration:
            async with paced(valkey.url) as pace:
                for setting, (bad, good) in full.items():
                    administration.config_set(setting, bad)
                    await both_refuse(pace, "Redis .* so nothing may be sent: ")
                    administration.config_set(setting, good)
                administration.replicaof("127.0.0.1", "1")
                await both_refuse(pace, "Redis is away")
                administration.replicaof("NO", "ONE")
                assert (await pace.acquire(1)).slots

    asyncio.run(run())


def test_a_redis_that_is_busy_with_a_script_gives_nothing_out(valkey: Valkey) -> None:
    def hang() -> None:
        with redis.Redis.from_url(valkey.url) as client, pytest.raises(redis.ResponseError, match="killed by user"):
            client.eval("while true do end", 0)

    async def refusals() -> None:
        async with paced(valkey.url) as pace:
            await both_refuse(pace, "Redis cannot write now, so nothing may be sent: BUSY")

    with redis.Redis.from_url(valkey.url) as administration:
        administration.config_set("busy-reply-threshold", "10")
        hanging = threading.Thread(target=hang)
        hanging.start()
        wait_until(lambda: _busy(administration), what="the server's being busy")
        asyncio.run(refusals())
        administration.script_kill()
        hanging.join(timeout=60)
        assert not hanging.is_alive()


def _busy(client: redis.Redis) -> bool:
    try:
        client.ping()
    except redis.ResponseError as error:
        return str(error).startswith("BUSY")
    return False
