"""Resolution: which e-mail of the send ledger a piece of news is about."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa

from handlers.tracking.news import Kind, News

Addressbook: TypeAlias = Callable[[sa.Connection, Sequence[str]], Mapping[str, Sequence[str]]]
"""From addresses to the ids of the users who have them, as the main app's tables say; unknown ones may be left out."""

MAY_LACK_ARGUMENTS = frozenset({Kind.BOUNCE, Kind.DROPPED, Kind.DEFERRED, Kind.DELIVERED, Kind.SPAM_REPORT})


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail of ours: a row of the send ledger."""

    run: str
    user_id: str
    send_id: str


def resolve(connection: sa.Connection, news: Iterable[News], addressbook: Addressbook) -> Mapping[News, Email]:
    """The e-mail of each piece of news; what is missing is about other mail, or could be about several of ours.

    Looks for the `send_id`, then for the provider's message id, and where it may lack the arguments for the address
    and the run: a query each, however much news there is.
    """
    asked = set(news)
    found = _by(_BY_SEND_ID, connection, asked, lambda item: item.send_id)
    asked -= found.keys()
    found |= _by(_BY_MESSAGE_ID, connection, asked, lambda item: item.message_id)
    asked -= found.keys()
    return found | _by_address(connection, [item for item in asked if _may_lack_arguments(item)], addressbook)


def _may_lack_arguments(item: News) -> bool:
    return item.kind in MAY_LACK_ARGUMENTS and item.send_id is None


def _by(
    statement: sa.TextClause, connection: sa.Connection, news: Iterable[News], key: Callable[[News], str | None]
) -> dict[News, Email]:
    asked = {item: wanted for item in news if (wanted := key(item)) is not None}
    if not asked:
        return {}
    rows = connection.execute(statement, {"keys": sorted(set(asked.values()))})
    emails = _grouped((row.key, row) for row in rows)
    return {item: email for item, wanted in asked.items() if (email := _only(emails.get(wanted, ()))) is not None}


def _by_address(connection: sa.Connection, news: Sequence[News], addressbook: Addressbook) -> dict[News, Email]:
    addresses = sorted({item.address for item in news if item.address and item.categories})
    users = addressbook(connection, addresses) if addresses else {}
    asked = {item: _candidates(item, users) for item in news}
    pairs = sorted({pair for candidates in asked.values() for pair in candidates})
    if not pairs:
        return {}
    columns = {"runs": [run for run, _ in pairs], "user_ids": [user_id for _, user_id in pairs]}
    emails = _grouped(((row.run, row.user_id), row) for row in connection.execute(_BY_USER, columns))
    sent = {item: [email for pair in pairs for email in emails.get(pair, ())] for item, pairs in asked.items()}
    return {item: email for item, candidates in sent.items() if (email := _only(candidates)) is not None}


def _candidates(item: News, users: Mapping[str, Sequence[str]]) -> Sequence[tuple[str, str]]:
    return [(run, user_id) for run in set(item.categories) for user_id in users.get(item.address or "", ())]


def _grouped(rows: Iterable[tuple[Any, sa.Row[Any]]]) -> Mapping[Any, Sequence[Email]]:
    emails: defaultdict[Any, list[Email]] = defaultdict(list)
    for key, row in rows:
        emails[key].append(Email(row.run, row.user_id, row.send_id))
    return emails


def _only(emails: Sequence[Email]) -> Email | None:
    """The one there is. Of several (two users of one address) nobody knows which is meant, and we do not guess."""
    return emails[0] if len(emails) == 1 else None


_BY_SEND_ID = sa.text("""
    SELECT send_id AS key, run, user_id, send_id FROM cutover.send_ledger
    WHERE send_id = ANY(CAST(:keys AS text[]))
""")

_BY_MESSAGE_ID = sa.text("""
    SELECT message_id AS key, run, user_id, send_id FROM cutover.send_ledger
    WHERE message_id IS NOT NULL AND message_id = ANY(CAST(:keys AS text[]))
""")

# Of a row that was never claimed nobody can have news.
_BY_USER = sa.text("""
    SELECT run, user_id, send_id
    FROM unnest(CAST(:runs AS text[]), CAST(:user_ids AS text[])) AS asked (run, user_id)
    JOIN cutover.send_ledger USING (run, user_id)
    WHERE attempt > 0
""")
