"""Defects of the legacy path, as replacements in the text of the frozen script."""

from collections.abc import Mapping

from sandbox.defects.defect import Defect

_HISTORY = "WHERE {} AND placed_at >= %(since)s)\n"
_COUNTS = "WHERE {} AND placed_at >= %(since)s\n"
_COUNTING = "cancelled_at IS NULL AND returned < quantity"


def _counting(condition: str) -> Mapping[str, str]:
    """What replaces the condition under which a purchase counts, in both queries that have it."""
    return {where.format(_COUNTING): where.format(condition) for where in (_HISTORY, _COUNTS)}


LEGACY: Mapping[str, Defect] = {
    "legacy_counts_cancelled": Defect(
        what="orders that were cancelled still count",
        path="legacy",
        cause="without:OrderCancelled",
        mutations=_counting("returned < quantity"),
    ),
    "legacy_counts_returned": Defect(
        what="items that were returned still count",
        path="legacy",
        cause="without:ItemsReturned",
        mutations=_counting("cancelled_at IS NULL"),
    ),
    "legacy_ties_descending": Defect(
        what="equal scores are listed by descending product id",
        path="legacy",
        cause="ties_descending",
        mutations={"np.lexsort((product, -millionths, user))": "np.lexsort((-product, -millionths, user))"},
    ),
    "legacy_keeps_retired": Defect(
        what="products that were retired go on being recommended",
        path="legacy",
        cause="without:ProductRetired",
        mutations={"price, retired_at IS NULL FROM shop.products": "price, true FROM shop.products"},
    ),
    "legacy_half_life": Defect(
        what="purchases lose half of their weight in 6 weeks instead of 12",
        path="legacy",
        cause="half_life",
        mutations={"HALF_LIFE = timedelta(weeks=12)": "HALF_LIFE = timedelta(weeks=6)"},
    ),
    "legacy_local_time": Defect(
        what="the run's time is read an hour late, as of another time zone",
        path="legacy",
        cause="time_zone",
        mutations={"at = scheduled_at.astimezone(UTC)  #": "at = scheduled_at.astimezone(UTC) + timedelta(hours=1)  #"},
    ),
    "legacy_loses_last_user": Defect(
        what="the last of all users gets no outcome",
        path="legacy",
        cause="lost",
        mutations={
            "zip(shop.users, recommendations(shop), strict=True)": "zip(shop.users[:-1], recommendations(shop))"
        },
    ),
    "legacy_mails_unsubscribed": Defect(
        what="users who unsubscribed go on getting mail",
        path="legacy",
        cause="without:UserUnsubscribed",
        mutations={"unsubscribed_at IS NULL FROM shop.users": "true FROM shop.users"},
    ),
}
