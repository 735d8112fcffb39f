"""The ledger of the webhook's benchmark: accepted e-mails before, and afterwards what is lost or wrong."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from benchmarks.webhook_news import Email, Expected
from handlers.delivery.ledger import Claim, claim, plan, settle
from handlers.delivery.settlement import Settlement
from handlers.tracking.fold import NEWS

RUN = "2026-W47"
DAY = 86_400
CHUNK = 2000


def accepted_emails(engine: sa.Engine, count: int, partitions: int) -> Sequence[Email]:
    """Plan an e-mail for each of so many new users, and let the provider have accepted it."""
    with engine.begin() as connection:
        connection.execute(_USERS, {"users": count})
        planned = [(f"u{number}", None) for number in range(count)]
        plan(connection, RUN, "event_driven", planned, partitions=partitions, send_within=DAY)
    return [email for partition in range(partitions) for email in _accepted(engine, partition)]


def _accepted(engine: sa.Engine, partition: int) -> Sequence[Email]:
    emails: list[Email] = []
    while True:
        with engine.begin() as connection:
            claims = claim(connection, partition, CHUNK, lease=DAY).claims
            found = [_email(each) for each in claims]
            settlements = [
                Settlement(state="accepted", evidence="answer", message_id=email.message_id) for email in found
            ]
            settle(connection, list(zip(claims, settlements, strict=True)))
        if not found:
            return emails
        emails += found


def _email(each: Claim) -> Email:
    return Email(
        run=each.run,
        user_id=each.user_id,
        send_id=each.send_id,
        message_id=f"m-{each.send_id}",
        address=f"customer{each.user_id.removeprefix('u')}@example.com",
    )


def lost(engine: sa.Engine, expected: Expected) -> int:
    """How many facts are neither in the log nor on their way to it."""
    with engine.connect() as connection:
        return connection.scalar(_LOST, {"event_ids": sorted(expected.facts)}) or 0


def disagreeing(engine: sa.Engine, expected: Expected) -> int:
    """Of how many e-mails the ledger says something else than was told; to be asked when all is folded."""
    told: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    for (user_id, column), at in expected.first.items():
        told[user_id][column] = at
    with engine.connect() as connection:
        rows = connection.execute(sa.text(f"SELECT user_id, {_COLUMNS} FROM cutover.send_ledger")).mappings()  # noqa: S608
        return sum(_known(row) != told[row["user_id"]] for row in rows)


def _known(row: sa.RowMapping) -> dict[str, datetime]:
    return {name: at for name in NEWS if (at := row[name]) is not None}


_COLUMNS = ", ".join(f"{name}_at AS {name}" for name in NEWS)

_USERS = sa.text("""
    INSERT INTO shop.users (user_id, name, email, registered_at)
    SELECT 'u' || number, 'Customer ' || number, 'customer' || number || '@example.com', '2026-01-01 00:00+00'
    FROM generate_series(0, :users - 1) AS number
""")

_LOST = sa.text("""
    SELECT count(*) FROM unnest(CAST(:event_ids AS text[])) AS told (event_id)
    WHERE NOT EXISTS (SELECT FROM cutover.events e WHERE e.event_id = told.event_id)
      AND NOT EXISTS (SELECT FROM cutover.outbox o WHERE o.event_id = told.event_id)
""")
