"""A blow: who is hit, how, and by which sign of life one sees that it is well again."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from tests.chaos.arena import Arena

Sign = Literal["orders", "news", "mails", "web"]


class Missed(Exception):
    """There was nobody to hit at that moment."""


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """One blow about to fall: on whom, by which chance, and how it waits when it has to."""

    arena: Arena
    random: Random
    longest: float
    over: threading.Event
    """Set when the storm is over: whoever is held down is let go."""

    def wait(self) -> None:
        """For as long as chance wills, up to `longest` seconds."""
        self.over.wait(self.random.uniform(0.5, self.longest))


@dataclass(frozen=True, kw_only=True)
class Blow:
    """Hits `target`; `strike` returns when the hurting is over. `sign` shows that whoever was hit works again."""

    target: str
    kind: str
    sign: Sign
    strike: Callable[[Occasion], None]
