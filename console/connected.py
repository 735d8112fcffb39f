"""What commands start from: the settings, the servers, and a system on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from runtime import servers
from runtime.database import database_url
from runtime.servers import Servers
from runtime.settings import Settings

if TYPE_CHECKING:
    from console.wiring import System


@contextmanager
def connected(*, prepare: bool = False, database: str | None = None, broker: bool = False) -> "Iterator[System]":
    """A system on the servers the settings name, reachable and, with `prepare`, migrated.

    `database` names another database on the same server: a rehearsal's, which is looked at as it is. What is
    true, and what people decide, is in the database: whether Redis answers matters to those who ask for the `broker`.
    Raises SettingsInvalid or DependencyUnreachable.
    """
    settings = Settings()
    found = reachable(settings, broker=broker)
    if database is not None:
        found = replace(found, database_url=database_url(found.database_url, database))
    from console.stand_in import delivery_settings
    from console.wiring import build  # the heaviest import of all; not needed where nothing answers

    system = build(found, settings.partitions, settings.namespace, delivery_settings(settings))
    try:
        if prepare and database is None:
            system.prepare()
        yield system
    finally:
        system.engine.dispose()
        system.redis.close()


def reachable(settings: Settings, *, broker: bool = True) -> Servers:
    """The servers the settings name, embedded ones started, seen to answer: both, or without `broker` the database."""
    found = servers.resolve(settings)
    servers.check(found.database_url, found.redis_url if broker else None)
    return found
