"""The rule of docs/rule.md as data, so that a replay can change one thing of it and see what comes of that."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

HOUR = timedelta(hours=1)

Until = Literal["barrier", "late events", "next run"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What docs/rule.md fixes. The defaults are the rule itself.

    `until` says how far the log is read: to the run's barrier; with those events behind it that the legacy snapshot
    showed; or to the next run's barrier. `ignored` are types of events that are not applied; `orders_fold` says how
    often an order is; `shift` what the scheduled time is off by. `half_life` None: age is no matter. `decimals` None:
    scores are not rounded before they are compared.
    """

    until: Until = "barrier"
    ignored: frozenset[str] = frozenset()
    orders_fold: int = 1
    shift: timedelta = timedelta()
    history: timedelta = timedelta(weeks=52)
    half_life: timedelta | None = timedelta(weeks=12)
    popularity: timedelta = timedelta(weeks=4)
    pieces_weigh: bool = False
    half_precision: bool = False
    decimals: int | None = 6
    ties: Literal["ascending", "descending", "descending in the list"] = "ascending"
    length: int = 5
    repeat_first: bool = False
    bought_left_out: bool = True
    fallback: bool = True
    catalogue: Literal["cut", "run before"] = "cut"
    prices: Literal["cut", "first"] = "cut"
    greeting: Literal["name", "user id", "nobody"] = "name"
    intro: Literal["as chosen", "swapped"] = "as chosen"
    price_format: Literal["pounds", "continental"] = "pounds"
    loses_the_user: bool = False


RULE = Rule()


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """One thing that may be wrong with a path: `says` what, in words that follow "the legacy path: "."""

    name: str
    says: str
    rule: Rule


def _without(event_type: str, says: str) -> Suspect:
    return Suspect(name=f"without:{event_type}", says=says, rule=replace(RULE, ignored=frozenset({event_type})))


def _suspect(name: str, says: str, rule: Rule) -> Suspect:
    return Suspect(name=name, says=says, rule=rule)


SUSPECTS: tuple[Suspect, ...] = (
    _suspect("lost", "has no outcome for a user who was registered", Rule(loses_the_user=True)),
    _suspect("late_events", "took in the run's late events", Rule(until="late events")),
    _suspect("late_events", "took in events that lie behind the barrier", Rule(until="next run")),
    _without("OrderCancelled", "OrderCancelled is not applied: cancelled orders count"),
    _without("ItemsReturned", "ItemsReturned is not applied: what came back counts as bought"),
    _without("ProductRetired", "ProductRetired is not applied: retired products are recommended"),
    _without("UserUnsubscribed", "UserUnsubscribed is not applied: mails users who do not want it"),
    _without("UserResubscribed", "UserResubscribed is not applied: skips users who want mail again"),
    _suspect("stale_catalogue", "ranks by the catalogue as of the run before", Rule(catalogue="run before")),
    _suspect("twice", "OrderPlaced is folded twice: pieces count double", Rule(orders_fold=2)),
    _suspect("time_zone", "the scheduled time is an hour early", Rule(shift=-HOUR)),
    _suspect("time_zone", "the scheduled time is an hour late", Rule(shift=HOUR)),
    _suspect("week_boundary", "the scheduled time is a day early", Rule(shift=timedelta(days=-1))),
    _suspect("week_boundary", "the scheduled time is a day late", Rule(shift=timedelta(days=1))),
    _suspect("ties_descending", "of equal scores the highest product id comes first", Rule(ties="descending")),
    _suspect("ties_descending", "equal scores are listed by descending id", Rule(ties="descending in the list")),
    _suspect("list_length", "lists end one product early", Rule(length=4)),
    _suspect("list_length", "lists end one product late", Rule(length=6)),
    _suspect("duplicate", "the first product is listed twice", Rule(repeat_first=True)),
    _suspect("bought_kept", "recommends what the user has bought already", Rule(bought_left_out=False)),
    _suspect("no_fallback", "users without taste do not get what is popular", Rule(fallback=False)),
    *(
        _suspect(
            "half_life", f"purchases lose half their weight in {weeks} weeks", Rule(half_life=timedelta(weeks=weeks))
        )
        for weeks in (6, 24, 4, 8, 3, 26, 52)
    ),
    _suspect("half_life", "purchases never lose weight", Rule(half_life=None)),
    *(
        _suspect("popularity_window", f"popular is what sold in {said}", Rule(popularity=timedelta(weeks=weeks)))
        for weeks, said in ((1, "one week"), (2, "two weeks"), (8, "eight weeks"))
    ),
    _suspect("half_precision", "tastes are rounded to half precision", Rule(half_precision=True)),
    *(
        _suspect("rounding", f"scores are rounded to {decimals} decimals", Rule(decimals=decimals))
        for decimals in (3, 4, 5, 2)
    ),
    _suspect("rounding", "scores are not rounded before they are compared", Rule(decimals=None)),
    _suspect("quantity", "a purchase weighs as much as it has pieces", Rule(pieces_weigh=True)),
    _suspect(
        "without:ProductChanged",
        "ProductChanged is not applied: prices are those of the first day",
        Rule(prices="first"),
    ),
    _without("ProductChanged", "ProductChanged is not applied: names and prices are old"),
    _suspect("price_format", "prices are written as in another country", Rule(price_format="continental")),
    _suspect("greeting", "greets users by their id", Rule(greeting="user id")),
    _suspect("greeting", "greets nobody by name", Rule(greeting="nobody")),
    _suspect("intro", "says of personal lists that they are popular, and the other way round", Rule(intro="swapped")),
)
"""In the order of telling: of two that explain the same users equally well the earlier one is named."""
