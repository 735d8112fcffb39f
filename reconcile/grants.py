"""Grants: differences somebody answers for, with a reason, a ticket and a day on which they end."""

import math
from dataclasses import dataclass
from datetime import date

from reconcile.errors import PolicyRefused


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Who answers for letting something pass, why, where that was decided, and until when (that day included)."""

    owner: str
    reason: str
    ticket: str
    expires: date

    def expired(self, today: date) -> bool:
        """Whether it may no longer be used."""
        return self.expires < today

    def refuse_anonymous(self, where: str) -> None:
        """Raise PolicyRefused, which names `where`, if nobody answers for it."""
        given = {"owner": self.owner.strip(), "reason": self.reason.strip(), "ticket": self.ticket.strip()}
        missing = [name for name, value in given.items() if not value]
        if missing:
            raise PolicyRefused(f"{where} needs an owner, a reason and a ticket; missing: {', '.join(missing)}.")


@dataclass(frozen=True, kw_only=True)
class Tolerance(Grant):
    """How far apart two numbers may be and count as equal.

    At most `absolute`, or at most `relative` times the larger of their magnitudes; whichever is more. Inclusive.
    """

    absolute: float = 0.0
    relative: float = 0.0

    def __post_init__(self) -> None:
        for name in ("absolute", "relative"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise PolicyRefused(f"tolerance: {name} is {value}, expected a finite number of at least 0.")
        if not (self.absolute or self.relative):
            raise PolicyRefused("tolerance: absolute and relative are both 0; leave the tolerance out instead.")
        self.refuse_anonymous("a tolerance")

    def says(self) -> str:
        """Such as `±0.01 or 1 %`."""
        parts = [f"±{self.absolute:g}"] if self.absolute else []
        return " or ".join([*parts, *([f"{self.relative * 100:g} %"] if self.relative else [])])


@dataclass(frozen=True, kw_only=True)
class AcceptedDifference(Grant):
    """A kind of mismatch that is known and wanted: it is then explained, and no longer a mismatch.

    It takes a mismatch that fits all it says: its kind is among `kinds`, every field that differs among `fields`, its
    cause is `cause`, found by replay. What it does not say may be anything; but it must say one of the three.
    """

    name: str
    kinds: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    cause: str = ""

    def __post_init__(self) -> None:
        if not (self.kinds or self.fields or self.cause):
            raise PolicyRefused(f"accepted difference {self.name!r} accepts everything: say kinds, fields or a cause.")
        self.refuse_anonymous(f"accepted difference {self.name!r}")

    def takes(self, *, kind: str | None, fields: tuple[str, ...], cause: str | None) -> bool:
        """Whether a mismatch of this kind, in these fields, from this cause is accepted."""
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.fields or (bool(fields) and set(fields) <= self.fields))
            and (not self.cause or cause == self.cause)
        )
