"""Stock as the log tells it, and what to order again: pure, for the event-driven path and for replay."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from events import Event, ItemsReturned, OrderCancelled, OrderPlaced, ProductAdded, ProductEvent, ProductRetired
from events.vocabulary import Line
from shadow.outcome import Fields, Json, Outcome
from tests.second_job.warehouse import DELIVERED

TYPES = frozenset({"ProductAdded", "ProductRetired", "OrderPlaced", "OrderCancelled", "ItemsReturned"})
PACKS = (12, 6, 1)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How stock is counted and ordered again. Its defaults are the rule; anything else is a suspect or a defect."""

    counts_returns: bool = True
    counts_cancellations: bool = True
    short: int = 5
    packs: tuple[int, ...] = PACKS


@dataclass
class Stock:
    """What is there of each article."""

    rule: Rule = field(default_factory=Rule)
    on_hand: Counter[str] = field(default_factory=Counter)
    gone: dict[str, bool] = field(default_factory=dict)
    orders: dict[str, Mapping[str, int]] = field(default_factory=dict)

    def held(self) -> dict[str, object]:
        """What has to be kept to go on from here."""
        return {"on_hand": self.on_hand, "gone": self.gone, "orders": self.orders}

    def fold(self, events: Iterable[Event]) -> "Stock":
        """Take in what happened, in its order."""
        for event in events:
            self._take_in(event)
        return self

    def _take_in(self, event: Event) -> None:
        if isinstance(event, ProductAdded):
            self.gone[event.product_id] = False
            self.on_hand[event.product_id] += DELIVERED
        elif isinstance(event, ProductRetired):
            self.gone[event.product_id] = True
        elif isinstance(event, OrderPlaced):
            self.orders[event.order_id] = _pieces(event.lines)
            self.on_hand.subtract(self.orders[event.order_id])
        elif isinstance(event, OrderCancelled) and self.rule.counts_cancellations:
            self.on_hand.update(self.orders.pop(event.order_id, {}))
        elif isinstance(event, ItemsReturned) and self.rule.counts_returns:
            self.on_hand.update(_pieces(event.lines))

    def outcomes(self) -> list[Outcome]:
        """What to do about every article, by id."""
        return [self.outcome(article) for article in sorted(self.gone)]

    def outcome(self, article: str) -> Outcome:
        """Order, or leave it."""
        on_hand, gone = self.on_hand[article], self.gone[article]
        inputs = inputs_of(on_hand, gone)
        if gone or on_hand >= self.rule.short:
            return Outcome(unit=article, decision="skip", reason="gone" if gone else "enough", inputs=inputs)
        return Outcome(unit=article, decision="send", fields=order_of(20 - on_hand, self.rule.packs), inputs=inputs)


def inputs_of(on_hand: int, gone: bool) -> dict[str, str]:
    """What an outcome is computed from, short enough to be its own digest."""
    return {"movements": f"{on_hand} on hand", "article": "gone" if gone else "sold"}


def order_of(pieces: int, sizes: Iterable[int] = PACKS) -> Fields:
    """An order, in as few packs as can be."""
    packs: list[Json] = []
    left = pieces
    for size in sizes:
        number, left = divmod(left, size)
        packs += [{"size": size, "number": number}] if number else []
    return {"pieces": pieces, "packs": packs}


def article_of(event: Event) -> str | None:
    """The one article that an event concerns; None if it can be any."""
    if isinstance(event, ProductEvent):
        return event.product_id
    lines = event.lines if isinstance(event, OrderPlaced | ItemsReturned) else ()
    return lines[0].product_id if len(lines) == 1 else None


def _pieces(lines: Iterable[Line]) -> dict[str, int]:
    return {line.product_id: line.quantity for line in lines}
