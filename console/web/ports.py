"""What the web application is handed: everything it needs of the rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from handlers.tracking import Intake, Unsubscriber, Verifier
from handlers.unsubscribe_link import UnsubscribeLinks
from runtime.clock import Clock, SystemClock

LONGEST_STATEMENT = 15
"""Seconds after which the database gives a statement up, so that no request waits for a lock for ever."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """`verifier` is None where no verification key is set: the webhook then refuses everything.

    Limits are in bytes and seconds; `body_seconds` is for the whole of a body, however it trickles in.
    """

    engine: sa.Engine
    verifier: Verifier | None
    intake: Intake
    links: UnsubscribeLinks
    unsubscriber: Unsubscriber
    clock: Clock = field(default_factory=SystemClock)
    body_limit: int = 5 * 1024 * 1024
    form_limit: int = 64 * 1024
    body_seconds: float = 10.0
    health_seconds: float = 2.0

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction of one request; commits at the end unless something was raised."""
        with self.engine.begin() as connection:
            connection.execute(sa.text(f"SET LOCAL statement_timeout = '{LONGEST_STATEMENT}s'"))
            yield connection
