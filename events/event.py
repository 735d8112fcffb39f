"""What every event is: an immutable fact with event time, a version, and an id that follows from what it is about."""

from datetime import UTC, datetime
from functools import cache
from typing import Annotated, ClassVar, get_args, get_type_hints

import msgspec
from msgspec.structs import force_setattr

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
IDENTIFIER = msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\Z")
Id = Annotated[str, IDENTIFIER]

FIRST_YEAR, LAST_YEAR = 1900, 2200
"""Event times outside these years are mistakes, and would overflow where weeks are added to them."""

EVERY_PARTITION = -1
"""The partition number of events which every partition must see."""


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A fact in the past tense. `occurred_at` is event time and must carry a time zone.

    A subclass declares its fields, says what it is about, and, when it belongs to one unit, its key. Its name is
    its type in the log; `version` grows with every change of its fields (older ones are upcast when read).
    """

    version: ClassVar[int] = 1

    occurred_at: Moment

    def __post_init__(self) -> None:
        """Keep every time in UTC: the same fact told from two time zones is the same event."""
        for name in _moments(type(self)):
            value = getattr(self, name)
            if not isinstance(value, datetime):
                continue
            if not FIRST_YEAR <= value.year <= LAST_YEAR:
                raise ValueError(f"{name} is {value.isoformat()}: expected a year from {FIRST_YEAR} to {LAST_YEAR}")
            if value.tzinfo is not None and value.tzinfo is not UTC:
                force_setattr(self, name, value.astimezone(UTC))

    def about(self) -> str:
        """What this fact is about, unique among the events of its type."""
        raise TypeError(f"{type(self).__name__} must say what it is about")

    def key(self) -> str | None:
        """The unit whose partition the event belongs to; None when every partition must see it."""
        return None

    @property
    def type(self) -> str:
        """The event's type as the log knows it."""
        return type(self).__name__

    @property
    def event_id(self) -> str:
        """`Type:about`: the same fact always has the same id, whoever tells it and how often."""
        return f"{self.type}:{self.about()}"


@cache
def _moments(kind: type[Event]) -> tuple[str, ...]:
    """The fields of a kind of event that may hold a time."""
    types = get_type_hints(kind, include_extras=True)
    return tuple(name for name in kind.__struct_fields__ if _holds_a_moment(types[name]))


def _holds_a_moment(type_: object) -> bool:
    return type_ is datetime or any(_holds_a_moment(part) for part in get_args(type_))


def instant(moment: datetime) -> str:
    """`moment` as ISO 8601 in UTC: the same instant is always the same text."""
    return moment.astimezone(UTC).isoformat()
