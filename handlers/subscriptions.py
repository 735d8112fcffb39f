"""The one table from events to reactions: every subscription of the weekly recommendations, and all its parts."""

from dataclasses import dataclass
from datetime import timedelta

from events import Subscription
from handlers import purchases, weekly
from handlers.catalogue import Catalogue, record_versions
from handlers.emails import Composer, Directory, EmailsReaction, Mailer, Offering, _compose, offers_of
from handlers.popularity import WINDOW, OrderCounter, PopularityReaction, orders_by_product
from handlers.ranking import rank
from handlers.recommendations import AsOf, Fold, HistoriesReader, Ranker, RecommendationsReaction, at_once
from handlers.taste import HISTORY

PRODUCTS = frozenset({"ProductAdded", "ProductChanged", "ProductRetired"})
PURCHASES = frozenset({"OrderPlaced", "OrderCancelled", "ItemsReturned"})
USERS = frozenset({"UserRegistered", "UserUnsubscribed", "UserResubscribed"})
RUNS = frozenset({"WeekStarted", "DayStarted"})
FACTS = PRODUCTS | PURCHASES | USERS


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What can be put in another's place at the wiring (and, in a rehearsal, by something broken on purpose)."""

    facts: frozenset[str] = FACTS
    """The types of the events that say anything of products, purchases and users; runs are always heard."""
    history_span: timedelta = HISTORY
    popularity_span: timedelta = WINDOW
    fold: Fold = purchases.fold
    histories: HistoriesReader = purchases.histories
    count: OrderCounter = orders_by_product
    as_of: AsOf = at_once
    rank: Ranker = rank
    freeze: weekly.Freeze = weekly.freeze
    offers: Offering = offers_of
    compose: Composer = _compose


def subscriptions(mailer: Mailer, directory: Directory, parts: Parts | None = None) -> list[Subscription]:
    """The subscriptions of the weekly recommendations, one catalogue shared between them."""
    parts = parts or Parts()
    catalogue = Catalogue()
    return [
        Subscription(
            name="catalogue",
            queue="orchestrator",
            types=PRODUCTS & parts.facts,
            partitioned=False,
            reaction=record_versions,
        ),
        Subscription(
            name="popularity",
            queue="orchestrator",
            types=RUNS,
            partitioned=False,
            after=("catalogue",),
            reaction=PopularityReaction(
                catalogue, count=parts.count, sales=PURCHASES & parts.facts, span=parts.popularity_span
            ),
        ),
        Subscription(
            name="recommendations",
            queue="ml",
            types=parts.facts | RUNS,
            after=("catalogue", "popularity"),
            reaction=RecommendationsReaction(
                catalogue,
                rank=parts.rank,
                fold=parts.fold,
                histories=parts.histories,
                as_of=parts.as_of,
                freeze=parts.freeze,
                history_span=parts.history_span,
            ),
        ),
        Subscription(
            name="emails",
            queue="emails",
            types=RUNS,
            after=("recommendations", "runs"),
            reaction=EmailsReaction(catalogue, directory, mailer, compose=parts.compose, offers=parts.offers),
        ),
    ]
