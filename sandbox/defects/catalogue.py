"""The catalogue of defects by name."""

from collections.abc import Mapping
from datetime import timedelta

from handlers.popularity import WINDOW
from handlers.subscriptions import Parts
from handlers.taste import HISTORY
from sandbox.defects import barriers, facts, lists, mails
from sandbox.defects.defect import Defect
from sandbox.defects.legacy import LEGACY

HOUR = timedelta(hours=1)


class UnknownDefect(Exception):
    """The catalogue has no such defect."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"unknown defect {name!r}; expected one of: {', '.join(CATALOGUE)} (`cutover defects` says what they do)"
        )


def defect(name: str) -> Defect:
    """The defect of this name. Raises UnknownDefect."""
    try:
        return CATALOGUE[name]
    except KeyError:
        raise UnknownDefect(name) from None


_EVENT_DRIVEN: Mapping[str, Defect] = {
    "tie_order": Defect(
        what="equal scores are listed by descending product id",
        cause="ties_descending",
        parts=Parts(rank=lists.ties_reversed),
    ),
    "bought_products_kept": Defect(
        what="products the user has bought already are recommended again",
        cause="bought_kept",
        parts=Parts(rank=lists.bought_kept),
    ),
    "truncated_list": Defect(
        what="lists end after the fourth product", cause="list_length", parts=Parts(rank=lists.truncated)
    ),
    "half_precision": Defect(
        what="tastes are rounded to half precision", cause="half_precision", parts=Parts(rank=lists.half_precision)
    ),
    "template_variable_swapped": Defect(
        what="the e-mail greets the user by their id", cause="greeting", parts=Parts(compose=mails.user_id_as_name)
    ),
    "retired_product_kept": Defect(
        what="products that were retired go on being recommended",
        cause="without:ProductRetired",
        parts=Parts(facts=facts.without("ProductRetired")),
    ),
    "cancelled_order_counted": Defect(
        what="orders that were cancelled still count",
        cause="without:OrderCancelled",
        parts=Parts(facts=facts.without("OrderCancelled")),
    ),
    "returned_item_counted": Defect(
        what="items that were returned still count",
        cause="without:ItemsReturned",
        parts=Parts(facts=facts.without("ItemsReturned")),
    ),
    "week_boundary_off_by_an_hour": Defect(
        what="history and popularity begin an hour late, as if the run were due an hour later",
        cause="time_zone",
        parts=Parts(history_span=HISTORY - HOUR, popularity_span=WINDOW - HOUR),
    ),
    "stale_index": Defect(
        what="lists are made from the catalogue as of the run before",
        cause="stale_catalogue",
        parts=Parts(as_of=facts.as_of_the_run_before),
    ),
    "double_fold": Defect(
        what="each order is folded twice, so that twice as many pieces were bought",
        cause="twice",
        parts=Parts(fold=facts.orders_folded_twice, count=facts.counted_with_double_pieces),
    ),
    "wrong_half_life": Defect(
        what="purchases lose half of their weight in 6 weeks instead of 12",
        cause="half_life",
        parts=Parts(histories=facts.aged_twice_as_fast),
    ),
    "missing_popularity_fallback": Defect(
        what="users without a taste are skipped instead of getting popular products",
        cause="no_fallback",
        parts=Parts(freeze=barriers.without_popular_products),
    ),
    "unsubscribed_user_kept": Defect(
        what="users who unsubscribed go on getting mail",
        cause="without:UserUnsubscribed",
        parts=Parts(facts=facts.without("UserUnsubscribed")),
    ),
    "wrong_locale_price": Defect(
        what="prices are written as 12,05 £", cause="price_format", parts=Parts(compose=mails.continental_prices)
    ),
    "duplicate_product": Defect(
        what="the first product is listed twice, and the fifth is not",
        cause="duplicate",
        parts=Parts(rank=lists.first_twice),
    ),
    "user_lost_at_partition_boundary": Defect(
        what="the last user of each partition gets no outcome",
        cause="lost",
        parts=Parts(freeze=barriers.without_last_user),
    ),
    "frozen_after_barrier": Defect(
        what="orders behind the barrier count before the lists are frozen",
        cause="late_events",
        parts=Parts(fold=barriers.with_orders_behind_the_barrier),
    ),
    "old_price": Defect(
        what="the e-mail shows the price a product had when it was added",
        cause="without:ProductChanged",
        parts=Parts(offers=mails.offered_at_first_price),
    ),
    "coarse_rounding": Defect(
        what="scores are rounded to 3 decimals before the best five are chosen",
        cause="rounding",
        parts=Parts(rank=lists.coarsely_rounded),
    ),
    "intro_swapped": Defect(
        what="personal e-mails are worded as popular products, and the other way round",
        cause="intro",
        parts=Parts(compose=mails.intro_swapped),
    ),
    "quantity_weighs": Defect(
        what="a purchase weighs by its pieces",
        cause="quantity",
        parts=Parts(histories=facts.weighed_by_pieces),
    ),
    "popularity_of_last_week": Defect(
        what="popular products are those of one week instead of four",
        cause="popularity_window",
        parts=Parts(popularity_span=timedelta(weeks=1)),
    ),
    "resubscribed_user_lost": Defect(
        what="users who subscribed again still get no mail",
        cause="without:UserResubscribed",
        parts=Parts(facts=facts.without("UserResubscribed")),
    ),
}

CATALOGUE: Mapping[str, Defect] = {**_EVENT_DRIVEN, **LEGACY}
"""First those of the event-driven path, then those of the legacy path."""
