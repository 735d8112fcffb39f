"""A small batch in the place of the frozen one: who gets mail from it matters here, and not what is in it."""

from datetime import datetime
from typing import Any

import psycopg


def small_batch(connection: psycopg.Connection, mailer: Any, scheduled_at: datetime) -> None:  # noqa: ANN401, ARG001
    """Mail every user of the shop who wants mail, and skip the others."""
    from legacy_cron.weekly_recommendations import Mail

    rows = connection.execute("SELECT user_id, name, unsubscribed_at FROM shop.users ORDER BY user_id").fetchall()
    for user_id, name, unsubscribed_at in rows:
        if unsubscribed_at is not None:
            mailer.skip(user_id, "unsubscribed")
        else:
            items = (("p0", 1.0),)
            subject = f"{name}, yours"
            mailer.send(Mail(user_id, name, f"{user_id}@example.com", subject, "<p>Yours</p>", "Yours", items))
