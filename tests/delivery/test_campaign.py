"""A campaign: opened by its first plan, paused, resumed, given more time, never shortened."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from handlers.delivery import campaign
from handlers.delivery.books import books
from tests.delivery.ledgers import RUN, plan_users


def test_pausing_tells_who_and_since_when_and_resuming_forgets_it(database: sa.Engine) -> None:
    plan_users(database, "u1")
    with database.begin() as connection:
        assert campaign.pause(connection, RUN, by="ann")
        first = books(connection, RUN)
        assert campaign.pause(connection, RUN, by="bob")
        again = books(connection, RUN)
        assert campaign.resume(connection, RUN)
        assert campaign.resume(connection, RUN)
        resumed = books(connection, RUN)
    assert (first.paused_by, again.paused_by, resumed.paused_by) == ("ann", "bob", None)
    assert first.paused_at is not None
    assert (again.paused_at, resumed.paused_at) == (first.paused_at, None)


def test_more_time_is_given_and_never_taken(database: sa.Engine) -> None:
    plan_users(database, "u1", within=3600.0)
    with database.begin() as connection:
        before = books(connection, RUN).send_by
        assert campaign.extend(connection, RUN, 60.0) == before
        longer = campaign.extend(connection, RUN, 7200.0)
    assert longer is not None
    assert longer - datetime.now(UTC) > timedelta(minutes=119)


def test_there_is_nothing_to_pause_or_extend_where_nothing_is_sent(database: sa.Engine) -> None:
    with database.begin() as connection:
        assert not campaign.pause(connection, RUN, by="ann")
        assert not campaign.resume(connection, RUN)
        assert campaign.extend(connection, RUN, 60.0) is None
        assert campaign.campaigns(connection) == []


def test_the_newest_campaign_comes_first(database: sa.Engine) -> None:
    for run in ("2026-W47", "2026-W46", "2026-W48"):
        plan_users(database, "u1", run=run)
    with database.connect() as connection:
        assert campaign.campaigns(connection) == ["2026-W48", "2026-W46", "2026-W47"]
        assert campaign.campaigns(connection, 1) == ["2026-W48"]
