"""Signs of life: work that was begun after a blow and was seen done says that whoever was hit is well again."""

import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count

from sandbox.shop.actions import PlaceOrder
from shadow.schedule import scheduled_at
from tests.chaos.arena import Arena
from tests.chaos.blow import Blow, Sign
from tests.chaos.repeated import Repeated

PULSE = "u0000"
"""Whose orders are the pulse."""
LOOK_EVERY = 0.1


@dataclass
class Struck:
    """A blow that fell: from when until when it hurt, and when the work went on (monotonic seconds)."""

    blow: Blow
    began: float
    over: float | None = None
    well: float | None = None
    wall: float = field(default_factory=time.time)

    @property
    def recovery(self) -> float | None:
        """Seconds from the end of the hurting to the first sign of life; None while there was none."""
        return None if self.well is None or self.over is None else self.well - self.over


class Vitals:
    """Watches the four signs of life all the time; as a context manager."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._struck: list[Struck] = []
        self._lock = threading.Lock()
        self._numbers = count()
        self._seen: dict[Sign, int] = {}
        watched: dict[Sign, Callable[[], object]] = {
            "orders": self._order,
            "web": self._web,
            "mails": lambda: self._grows("mails", self._mails),
            "news": lambda: self._grows("news", self._news),
        }
        self.watches = [Repeated(f"sign of {sign}", step, pause=LOOK_EVERY) for sign, step in watched.items()]
        self._running = ExitStack()

    def __enter__(self) -> "Vitals":
        for watch in self.watches:
            self._running.enter_context(watch)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def watch(self, struck: Struck) -> None:
        """Look out for this one's recovery, once its hurting is over."""
        with self._lock:
            self._struck.append(struck)

    def waited_for(self) -> list[Struck]:
        """Those that are not well yet."""
        with self._lock:
            return [struck for struck in self._struck if struck.well is None]

    def _alive(self, sign: Sign, since: float) -> None:
        """What was begun at `since` has just been seen done."""
        now = time.monotonic()
        for struck in self.waited_for():
            if struck.blow.sign == sign and struck.over is not None and struck.over <= since:
                struck.well = now

    def _order(self) -> None:
        order = PlaceOrder(
            at=scheduled_at("2025-W01"), order_id=f"pulse{next(self._numbers)}", user_id=PULSE, lines=(("p00", 1),)
        )
        self._arena.shop.happen(order)
        since = time.monotonic()
        deadline = since + 60
        while time.monotonic() < deadline:
            found = "SELECT FROM cutover.purchases WHERE order_id = :order"
            if self._arena.shop.rows(found, order=order.order_id):
                self._alive("orders", since)
                return
            time.sleep(0.02)

    def _web(self) -> None:
        since = time.monotonic()
        mailbox = self._arena.playground.mailbox
        assert mailbox is not None
        with urllib.request.urlopen(f"http://127.0.0.1:{mailbox.web_port}/healthz", timeout=10):
            self._alive("web", since)

    def _grows(self, sign: Sign, figure: Callable[[], int]) -> None:
        """Between two looks at a figure that work makes grow."""
        before, since = figure(), time.monotonic()
        time.sleep(LOOK_EVERY)
        if figure() > before:
            self._alive(sign, since)

    def _mails(self) -> int:
        journal = self._arena.journal
        return journal.stat().st_size if journal.exists() else 0

    def _news(self) -> int:
        statement = "SELECT sum(position) AS done FROM cutover.checkpoints WHERE subscription = 'tracking'"
        return int(self._arena.shop.rows(statement)[0].done)
