"""A campaign made up for a benchmark: users, recorded e-mails of usual size, a ledger that is planned and paused."""

from datetime import UTC, datetime

import sqlalchemy as sa

from events import WeekStarted
from handlers.composition import Offer, compose
from handlers.delivery import campaign
from shadow import recorder
from shadow.gate import Gate
from shadow.outcome import Fields, Json, Outcome

CHUNK = 2000
SCHEDULED_AT = datetime(2026, 11, 16, 9, tzinfo=UTC)

OFFERS = [Offer(f"p{number}", f"Enamel Lantern With Garden Roses No. {number}", 1205 + number) for number in range(500)]


def plan_campaign(engine: sa.Engine, gate: Gate, run: str, users: int) -> None:
    """Plan one e-mail for each of so many users, all owned by the event-driven path; nothing is sent until resumed."""
    event = WeekStarted(
        run=run, scheduled_at=SCHEDULED_AT, occurred_at=SCHEDULED_AT, sends=True, event_driven_percent=100.0
    )
    with engine.begin() as connection:
        connection.execute(_USERS, {"users": users})
        recorder.open_run(connection, event, 0)
        recorder.open_path(connection, run, "event_driven", "benchmark")
    for first in range(0, users, CHUNK):
        with engine.begin() as connection:
            gate(
                connection,
                run,
                "event_driven",
                [_outcome(number) for number in range(first, min(users, first + CHUNK))],
            )
            campaign.pause(connection, run, by="benchmark")


def _outcome(number: int) -> Outcome:
    offers = [OFFERS[(number * 7 + rank * 31) % len(OFFERS)] for rank in range(5)]
    email = compose(f"u{number}", f"Customer {number}", offers, personal=True)
    items: list[Json] = [{"product_id": offer.product_id, "score": 0.5} for offer in offers]
    fields: Fields = {"items": items, "subject": email.subject, "html": email.html, "text": email.text}
    return Outcome(unit=f"u{number}", decision="send", fields=fields)


_USERS = sa.text("""
    INSERT INTO shop.users (user_id, name, email, registered_at)
    SELECT 'u' || number, 'Customer ' || number, 'customer' || number || '@example.com', '2026-01-01 00:00+00'
    FROM generate_series(0, :users - 1) AS number ON CONFLICT DO NOTHING
""")
