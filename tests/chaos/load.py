"""The load: orders and changed minds all the time, and one campaign after the other."""

import urllib.request
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from handlers.unsubscribe_link import UnsubscribeLinks
from sandbox.shop.actions import Action, CancelOrder, ChangeProduct, PlaceOrder, Resubscribe
from shadow.recorder import finished
from shadow.schedule import scheduled_at
from tests.chaos.arena import Arena


class Customers:
    """Everybody who buys: places an order a step, and now and then cancels one or changes the price of a product."""

    def __init__(self, arena: Arena, users: int, seed: int) -> None:
        self._arena = arena
        self._users = users
        self._random = Random(f"{seed}:customers")
        self._numbers = count()
        self._placed: list[PlaceOrder] = []
        self._now = scheduled_at("2025-W01")

    def step(self) -> None:
        """One thing happens. What was lost on the way to the database, or back, is not tried again."""
        self._now += timedelta(minutes=1)
        action = self._action()
        self._arena.shop.happen(action)
        if isinstance(action, PlaceOrder):
            self._placed.append(action)

    def _action(self) -> Action:
        chance = self._random.random()
        if chance < 0.03 and self._placed:
            order = self._placed.pop(self._random.randrange(len(self._placed)))
            return CancelOrder(at=self._now, order_id=order.order_id, user_id=order.user_id)
        product = f"p{self._random.randrange(12):02d}"
        if chance < 0.05:
            price = self._random.randrange(500, 2000)
            return ChangeProduct(
                at=self._now, product_id=product, name=f"Garden Lantern {int(product[1:])}", price=price
            )
        user = f"u{self._random.randrange(self._users):04d}"
        return PlaceOrder(at=self._now, order_id=f"c{next(self._numbers)}", user_id=user, lines=((product, 1),))


class Minds:
    """Readers who unsubscribe by the link in their e-mail, and of whom some come back."""

    def __init__(self, arena: Arena, users: int, seed: int) -> None:
        mailbox = arena.playground.mailbox
        assert mailbox is not None
        self._arena = arena
        self._users = users
        self._random = Random(f"{seed}:minds")
        self._links = UnsubscribeLinks(bytes.fromhex(mailbox.link_key), mailbox.variables["CUTOVER_PUBLIC_URL"])
        self._gone: list[str] = []
        self.clicks = 0

    def step(self) -> None:
        """One click, or one return."""
        if self._gone and self._random.random() < 0.5:
            user = self._gone.pop(0)
            self._arena.shop.happen(Resubscribe(at=datetime.now(UTC), user_id=user))
            return
        user = f"u{self._random.randrange(self._users):04d}"
        request = urllib.request.Request(self._links.url(user), data=b"List-Unsubscribe=One-Click")
        with urllib.request.urlopen(request, timeout=15) as answer:
            assert answer.status == 200
        self.clicks += 1
        self._gone.append(user)


class Campaigns:
    """Week after week: begins one, lets both paths hand in their e-mails, and the next when all are claimed."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._weeks = count(2)
        self._current: str | None = None
        self._handed_in = False
        self._limit: int | None = None
        self.runs: list[str] = []

    def end_after_one_more(self) -> None:
        """The next week to begin is the last."""
        self._limit = len(self.runs) + 1

    @property
    def idle(self) -> bool:
        """Whether the last week has begun, and all that began are handed in and claimed."""
        return len(self.runs) == self._limit and self._current is None

    def step(self) -> None:
        """Begin a week if there is none, or bring the one that began a little further."""
        if self._current is None:
            if len(self.runs) == self._limit:
                return
            self._current = f"2025-W{next(self._weeks):02d}"
            self.runs.append(self._current)
            self._handed_in = False
        run = self._current
        if not self._handed_in:
            # A run that was cut off left nothing, and one that was not records nothing anew.
            self._arena.playground.legacy(run)
            self._handed_in = True
        with self._arena.playground.engine.connect() as connection:
            if not finished(connection, run, "event_driven"):
                return
        if not self._arena.shop.in_state(run, "planned"):
            self._current = None
