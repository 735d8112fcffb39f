"""The caller's transaction, and the time at which something happens in it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from sandbox.shop.errors import NaiveTime, TooEarly

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.orm import Session

Transaction: TypeAlias = "Session | sa.Connection"


def utc(at: datetime) -> datetime:
    """The same instant in UTC. Raises NaiveTime when it has no time zone."""
    if at.tzinfo is None:
        raise NaiveTime(at=at)
    return at.astimezone(UTC)


def not_before(since: datetime, at: datetime, what: str, reason: str) -> None:
    """Raise TooEarly when `at` lies before `since`."""
    if at < since:
        raise TooEarly(what=what, at=at, since=f"{reason} at {since.astimezone(UTC)}")
