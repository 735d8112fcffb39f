"""Replay computes from the log alone what the event-driven path recorded at the barrier."""

from collections.abc import Mapping, Sequence
from random import Random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.weekly_job import weekly_gate
from console.weekly_policy import POLICY
from console.weekly_replay import WeeklyReplayer
from console.weekly_users import names_in_shop
from console.wiring import all_subscriptions
from events import Event, RunEvent, emit, sequence_all
from reconcile.seal import Seal, seal
from tests.handlers.histories import USERS, histories
from tests.handlers.test_incremental import PARTITIONS, fold, logged, one_database, start_anew

__all__ = ["one_database"]

REPLAYER = WeeklyReplayer(names_in_shop)


@pytest.fixture(scope="module")
def shop(one_database: sa.Engine) -> sa.Engine:
    """A database whose shop knows all users but the last one by name."""
    with one_database.begin() as connection:
        for user in USERS[:-1]:
            connection.execute(
                sa.text(
                    "INSERT INTO shop.users (user_id, name, email, registered_at) VALUES (:id, :name, :email, now())"
                ),
                {"id": user, "name": f"Name of {user}", "email": f"{user}@example.com"},
            )
    return one_database


def recorded(connection: sa.Connection, run: str) -> Mapping[str, Seal]:
    statement = sa.text("SELECT unit, digest, fingerprint FROM cutover.outcomes WHERE run = :run")
    return {
        row.unit: Seal(outcome=row.digest, inputs=row.fingerprint)
        for row in connection.execute(statement, {"run": run})
    }


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), random=st.randoms(use_true_random=False))
def test_I4_a_replay_of_the_log_gives_what_the_handlers_recorded_digest_by_digest(
    shop: sa.Engine, history: Sequence[Event], random: Random
) -> None:
    limits = iter(lambda: random.randint(1, 7), None)
    subscriptions = all_subscriptions(weekly_gate(PARTITIONS))
    with shop.begin() as connection:
        start_anew(connection, subscriptions)
        emit(connection, *history)
    sequence_all(shop, PARTITIONS)
    fold(shop, subscriptions, limits)
    with shop.connect() as connection:
        for event in logged(connection):
            if isinstance(event, RunEvent):
                replayed = REPLAYER.of_run(connection, event.run, ()).outcomes(USERS)
                found = {unit: seal(outcome, POLICY.normalise) for unit, outcome in replayed.items()}
                assert found == recorded(connection, event.run), event.run
