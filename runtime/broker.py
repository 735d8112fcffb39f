"""Redis: connections that never wait forever, and the form of URL that Celery takes."""

from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import redis
import redis.asyncio
import redis.asyncio.retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT = 5.0
SOCKET_TIMEOUT = 10.0
HEALTH_CHECK_INTERVAL = 30.0
RETRIES = 3


def connect(url: str, *, socket_timeout: float = SOCKET_TIMEOUT, retries: int = RETRIES) -> redis.Redis:
    """A client of ``redis://``, ``rediss://`` or ``unix://``; answers are bytes.

    ``socket_timeout`` is in seconds and must exceed whatever a blocking command is told to wait.
    A command whose connection fails is sent again up to ``retries`` times, after at most a second each.
    """
    options: dict[str, object] = {
        "socket_timeout": socket_timeout,
        "health_check_interval": HEALTH_CHECK_INTERVAL,
        "decode_responses": False,
        "retry": Retry(ExponentialWithJitterBackoff(cap=1.0, base=0.05), retries),
    }
    if not url.startswith("unix:"):
        options |= {"socket_connect_timeout": CONNECT_TIMEOUT, "socket_keepalive": True}
    return redis.Redis.from_url(url, **options)


def connect_async(url: str, *, socket_timeout: float = SOCKET_TIMEOUT) -> "redis.asyncio.Redis":
    """The same for use within an event loop. A command whose connection fails is not sent again."""
    options: dict[str, Any] = {
        "socket_timeout": socket_timeout,
        "health_check_interval": HEALTH_CHECK_INTERVAL,
        "retry": redis.asyncio.retry.Retry(NoBackoff(), 0),
    }
    if not url.startswith("unix:"):
        options |= {"socket_connect_timeout": CONNECT_TIMEOUT, "socket_keepalive": True}
    return redis.asyncio.Redis.from_url(url, **options)


def cannot_write(error: redis.RedisError) -> bool:
    """Whether the server is there, but refuses commands until its disk takes what it writes again."""
    return isinstance(error, redis.ResponseError) and str(error).startswith("MISCONF")


def broker_url(redis_url: str) -> str:
    """The same server as Celery names it: ``unix://`` becomes ``redis+socket://``, the rest stays."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    query = dict(parse_qsl(parts.query))
    user = query.pop("username", unquote(parts.username or ""))
    password = query.pop("password", unquote(parts.password or ""))
    query["virtual_host"] = query.pop("db", "0")
    credentials = f"{quote(user, safe='')}:{quote(password, safe='')}@" if password else ""
    return f"redis+socket://{credentials}{parts.path}?{urlencode(query)}"
