"""The one table from events to reactions: every subscription of the weekly recommendations, and all its parts."""

from dataclasses import dataclass

from events import Subscription
from handlers.catalogue import Catalogue, record_versions
from handlers.emails import Composer, Directory, EmailsReaction, Mailer, _compose
from handlers.popularity import PopularityReaction
from handlers.ranking import rank
from handlers.recommendations import Ranker, RecommendationsReaction

PRODUCTS = frozenset({"ProductAdded", "ProductChanged", "ProductRetired"})
PURCHASES = frozenset({"OrderPlaced", "OrderCancelled", "ItemsReturned"})
USERS = frozenset({"UserRegistered", "UserUnsubscribed", "UserResubscribed"})
RUNS = frozenset({"WeekStarted", "DayStarted"})


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What can be put in another's place at the wiring (and, in a rehearsal, by something broken on purpose)."""

    rank: Ranker = rank
    compose: Composer = _compose


def subscriptions(mailer: Mailer, directory: Directory, parts: Parts | None = None) -> list[Subscription]:
    """The subscriptions of the weekly recommendations, one catalogue shared between them."""
    parts = parts or Parts()
    catalogue = Catalogue()
    return [
        Subscription(
            name="catalogue", queue="orchestrator", types=PRODUCTS, partitioned=False, reaction=record_versions
        ),
        Subscription(
            name="popularity",
            queue="orchestrator",
            types=RUNS,
            partitioned=False,
            after=("catalogue",),
            reaction=PopularityReaction(catalogue),
        ),
        Subscription(
            name="recommendations",
            queue="ml",
            types=PRODUCTS | PURCHASES | USERS | RUNS,
            after=("catalogue", "popularity"),
            reaction=RecommendationsReaction(catalogue, parts.rank),
        ),
        Subscription(
            name="emails",
            queue="emails",
            types=RUNS,
            after=("recommendations", "runs"),
            reaction=EmailsReaction(catalogue, directory, mailer, parts.compose),
        ),
    ]
