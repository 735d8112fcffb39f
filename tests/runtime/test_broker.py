"""Connections to Redis, and the URL that Celery takes."""

import kombu
import pytest

from runtime import broker
from runtime.servers import Servers


def test_an_answer_is_bytes(shared_servers: Servers) -> None:
    with broker.connect(shared_servers.redis_url) as client:
        client.set("greeting", "hello")
        assert client.get("greeting") == b"hello"


@pytest.mark.parametrize("url", ["redis://db:6379/0", "unix:///run/redis.sock?db=0"])
def test_no_connection_waits_forever(url: str) -> None:
    options = broker.connect(url).connection_pool.connection_kwargs
    assert options["socket_timeout"] == broker.SOCKET_TIMEOUT
    assert options["health_check_interval"] == broker.HEALTH_CHECK_INTERVAL


def test_a_connection_over_the_network_is_kept_alive() -> None:
    options = broker.connect("redis://db:6379/0").connection_pool.connection_kwargs
    assert options["socket_keepalive"] is True
    assert options["socket_connect_timeout"] == broker.CONNECT_TIMEOUT


@pytest.mark.parametrize(
    ("redis_url", "expected"),
    [
        ("redis://:pw@db:6379/2", "redis://:pw@db:6379/2"),
        ("rediss://db:6379/0", "rediss://db:6379/0"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix://user:p%40w@/run/redis.sock?db=1", "redis+socket://user:p%40w@/run/redis.sock?virtual_host=1"),
        ("unix:///run/redis.sock?password=p%40w", "redis+socket://:p%40w@/run/redis.sock?virtual_host=0"),
    ],
)
def test_the_broker_url_names_the_same_server(redis_url: str, expected: str) -> None:
    assert broker.broker_url(redis_url) == expected


def test_celerys_transport_reaches_the_same_database(shared_servers: Servers) -> None:
    redis_url = shared_servers.redis_url.replace("db=0", "db=3")
    with kombu.Connection(broker.broker_url(redis_url)) as connection:
        queue = connection.SimpleQueue("nudges")
        queue.put({"partition": 7})
        with broker.connect(redis_url) as client:
            assert client.llen("nudges") == 1
        message = queue.get(timeout=5)
        assert message.payload == {"partition": 7}
        message.ack()
        queue.close()
