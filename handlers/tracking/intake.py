"""Intake: a provider's news becomes events in the log, and a recipient's wish for no more mail reaches the main app."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import sqlalchemy as sa

from events import (
    EmailBounced,
    EmailClicked,
    EmailDeferred,
    EmailDelivered,
    EmailDropped,
    EmailOpened,
    EmailProcessed,
    EmailSpamReported,
    EmailUnsubscribed,
    ProviderEvent,
    emit_many,
)
from handlers.tracking.news import Kind, News, Told
from handlers.tracking.resolution import Addressbook, Email, resolve

Unsubscriber: TypeAlias = Callable[[sa.Connection, str, datetime], None]
"""Records in the main app, in this transaction, that the user wanted no more mail at that time, and emits
UserUnsubscribed; does nothing if the user is unsubscribed already, or is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one body: every event it held is counted once, in one of these."""

    logged: int
    repeated: int
    """The same fact again, in the same body."""
    unknown: int
    """About no e-mail of the send ledger: other mail of the same account."""
    ignored: int
    malformed: int


class Intake:
    """Takes news in. `addressbook` finds the users of addresses, `unsubscriber` records a change of mind."""

    def __init__(self, addressbook: Addressbook, unsubscriber: Unsubscriber) -> None:
        self._addressbook = addressbook
        self._unsubscriber = unsubscriber

    def take(self, connection: sa.Connection, told: Told) -> Taken:
        """Emit what the news say, each fact once, within the caller's transaction.

        The provider repeats itself, under new ids and days later; what is in the log already is not logged again.
        """
        emails = resolve(connection, told.news, self._addressbook)
        facts = _facts(told.news, emails)
        self._pass_wishes_on(connection, facts.values())
        emit_many(connection, facts.values())
        resolved = sum(item in emails for item in told.news)
        return Taken(
            logged=len(facts),
            repeated=resolved - len(facts),
            unknown=len(told.news) - resolved,
            ignored=told.ignored,
            malformed=told.malformed,
        )

    def _pass_wishes_on(self, connection: sa.Connection, facts: Iterable[ProviderEvent]) -> None:
        wishes = [fact for fact in facts if isinstance(fact, EmailUnsubscribed | EmailSpamReported)]
        # By user, so that two bodies at once lock users in one order.
        for wish in sorted(_unheard(connection, wishes), key=lambda wish: (wish.user_id, wish.occurred_at)):
            self._unsubscriber(connection, wish.user_id, wish.occurred_at)


def _unheard(connection: sa.Connection, wishes: Sequence[ProviderEvent]) -> Sequence[ProviderEvent]:
    """The wishes that are news. One told again must not undo what its user decided since."""
    if not wishes:
        return []
    heard = set(connection.scalars(_HEARD, {"event_ids": [wish.event_id for wish in wishes]}))
    return [wish for wish in wishes if wish.event_id not in heard]


def _facts(news: Iterable[News], emails: Mapping[News, Email]) -> Mapping[str, ProviderEvent]:
    """By event id, in the order told; of two that differ in details only, the first."""
    facts: dict[str, ProviderEvent] = {}
    for item in news:
        email = emails.get(item)
        if email is not None:
            fact = _fact(item, email)
            facts.setdefault(fact.event_id, fact)
    return facts


_PLAIN: Mapping[Kind, type[ProviderEvent]] = {
    Kind.PROCESSED: EmailProcessed,
    Kind.DEFERRED: EmailDeferred,
    Kind.DELIVERED: EmailDelivered,
    Kind.DROPPED: EmailDropped,
    Kind.CLICK: EmailClicked,
    Kind.SPAM_REPORT: EmailSpamReported,
    Kind.UNSUBSCRIBE: EmailUnsubscribed,
    Kind.GROUP_UNSUBSCRIBE: EmailUnsubscribed,
}


def _fact(item: News, email: Email) -> ProviderEvent:
    run, user_id, send_id = email.run, email.user_id, email.send_id
    at = datetime.fromtimestamp(item.occurred_at, UTC)
    match item.kind:
        case Kind.BOUNCE:
            return EmailBounced(
                run=run, user_id=user_id, send_id=send_id, occurred_at=at, permanent=item.permanent, code=item.code
            )
        case Kind.OPEN:
            return EmailOpened(run=run, user_id=user_id, send_id=send_id, occurred_at=at, machine=item.machine)
        case kind:
            return _PLAIN[kind](run=run, user_id=user_id, send_id=send_id, occurred_at=at)


_HEARD = sa.text("""
    SELECT event_id FROM cutover.outbox WHERE event_id = ANY(CAST(:event_ids AS text[]))
    UNION ALL
    SELECT event_id FROM cutover.events WHERE event_id = ANY(CAST(:event_ids AS text[]))
""")
