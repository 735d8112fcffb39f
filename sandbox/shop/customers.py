"""Users of the shop: register, unsubscribe, resubscribe."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from events import UserId, UserRegistered, UserResubscribed, UserUnsubscribed, emit
from sandbox.shop.errors import IsSubscribed, NotSubscribed, UnknownUser, UserExists
from sandbox.shop.schema import users
from sandbox.shop.transaction import Transaction, not_before, utc


def register_user(session: Transaction, user_id: str, name: str, email: str, at: datetime) -> None:
    """A user joins, subscribed. Raises UserExists."""
    at = utc(at)
    row = {"user_id": user_id, "name": name, "email": email, "registered_at": at}
    added = session.execute(insert(users).values(row).on_conflict_do_nothing().returning(users.c.user_id))
    if added.first() is None:
        raise UserExists(user_id=user_id)
    emit(session, UserRegistered(user_id=UserId(user_id), occurred_at=at))


def unsubscribe(session: Transaction, user_id: str, at: datetime) -> None:
    """No more recommendations by e-mail. Raises UnknownUser, NotSubscribed."""
    at = utc(at)
    user = locked_user(session, user_id, at, "unsubscribing")
    if user.unsubscribed_at is not None:
        raise NotSubscribed(user_id=user_id)
    _set_unsubscribed_at(session, user_id, at)
    emit(session, UserUnsubscribed(user_id=UserId(user_id), occurred_at=at))


def resubscribe(session: Transaction, user_id: str, at: datetime) -> None:
    """Recommendations by e-mail again. Raises UnknownUser, IsSubscribed."""
    at = utc(at)
    user = locked_user(session, user_id, at, "resubscribing")
    if user.unsubscribed_at is None:
        raise IsSubscribed(user_id=user_id)
    not_before(user.unsubscribed_at, at, "resubscribing", "unsubscribing")
    _set_unsubscribed_at(session, user_id, None)
    emit(session, UserResubscribed(user_id=UserId(user_id), occurred_at=at))


def known_user(session: Transaction, user_id: str, at: datetime, what: str) -> sa.Row[Any]:
    """The user's row. Raises UnknownUser, and TooEarly when the user registered after `at`."""
    return _checked(session.execute(_USER, {"id": user_id}).first(), user_id, at, what)


def locked_user(session: Transaction, user_id: str, at: datetime, what: str) -> sa.Row[Any]:
    """Like `known_user`, and nobody else can change the row until the transaction ends."""
    return _checked(session.execute(_USER_LOCKED, {"id": user_id}).first(), user_id, at, what)


_USER = sa.select(users).where(users.c.user_id == sa.bindparam("id"))
_USER_LOCKED = _USER.with_for_update(key_share=True)


def _checked(user: sa.Row[Any] | None, user_id: str, at: datetime, what: str) -> sa.Row[Any]:
    if user is None:
        raise UnknownUser(user_id=user_id)
    not_before(user.registered_at, at, what, f"user {user_id!r} registering")
    return user


def _set_unsubscribed_at(session: Transaction, user_id: str, at: datetime | None) -> None:
    session.execute(sa.update(users).where(users.c.user_id == user_id).values(unsubscribed_at=at))
