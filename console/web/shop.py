"""The sandbox's shop behind the two ports that the main app fills: its addresses, and its users' changes of mind."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import sqlalchemy as sa

from sandbox.shop.actions import Unsubscribe
from sandbox.shop.errors import NotSubscribed, TooEarly, UnknownUser
from sandbox.shop.shop import perform


def addresses_in_shop(connection: sa.Connection, addresses: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The users of these addresses; capital and small letters are not told apart. Unknown addresses are left out."""
    users: defaultdict[str, list[str]] = defaultdict(list)
    for row in connection.execute(_USERS, {"addresses": list(addresses)}):
        users[row.asked].append(row.user_id)
    return users


def unsubscribe_in_shop(connection: sa.Connection, user_id: str, at: datetime) -> None:
    """Unsubscribe the user as of `at`, and emit it. Does nothing for one who is unsubscribed, or no user any more.

    Nor does it undo a later decision: news of the provider may come a day after the user has subscribed again.
    """
    if connection.scalar(_SUBSCRIBED_SINCE, {"user_id": user_id, "at": at}):
        return
    with suppress(NotSubscribed, UnknownUser):
        try:
            perform(connection, Unsubscribe(at=at, user_id=user_id))
        except TooEarly:
            # The provider's clock is behind ours: somebody who can be unsubscribed has registered before.
            registered_at = connection.scalar(_REGISTERED_AT, {"user_id": user_id})
            perform(connection, Unsubscribe(at=registered_at, user_id=user_id))


def unsubscribe_by_click(connection: sa.Connection, user_id: str, now: datetime) -> None:
    """Unsubscribe the user who asks for it at this moment: it is later than every wish before, whatever clocks say."""
    last = connection.scalar(_LAST_RESUBSCRIBED, {"user_id": user_id})
    unsubscribe_in_shop(connection, user_id, max(now, last + timedelta(microseconds=1)) if last else now)


_USERS = sa.text("""
    SELECT asked, user_id FROM unnest(CAST(:addresses AS text[])) AS asked
    JOIN shop.users ON lower(email) = lower(asked)
    ORDER BY user_id
""")

_REGISTERED_AT = sa.text("SELECT registered_at FROM shop.users WHERE user_id = :user_id")

_LAST_RESUBSCRIBED = sa.text("""
    SELECT max(told.occurred_at) FROM (
        SELECT occurred_at FROM cutover.events WHERE type IN ('UserUnsubscribed', 'UserResubscribed')
        AND data ->> 'user_id' = :user_id AND type = 'UserResubscribed'
        UNION ALL
        SELECT CAST(data ->> 'occurred_at' AS timestamptz) FROM cutover.outbox
        WHERE type IN ('UserUnsubscribed', 'UserResubscribed')
        AND data ->> 'user_id' = :user_id AND type = 'UserResubscribed'
        AND pg_input_is_valid(data ->> 'occurred_at', 'timestamptz')
    ) AS told
""")

_SUBSCRIBED_SINCE = sa.text("""
    SELECT EXISTS (
        SELECT FROM cutover.events WHERE type IN ('UserUnsubscribed', 'UserResubscribed')
        AND data ->> 'user_id' = :user_id AND type = 'UserResubscribed' AND occurred_at > :at
    ) OR EXISTS (
        SELECT FROM cutover.outbox WHERE type IN ('UserUnsubscribed', 'UserResubscribed')
        AND data ->> 'user_id' = :user_id AND type = 'UserResubscribed'
        AND pg_input_is_valid(data ->> 'occurred_at', 'timestamptz')
        AND CAST(data ->> 'occurred_at' AS timestamptz) > :at
    )
""")
