"""The dispatcher while something is away: answers are kept, and without a pace nothing is sent."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import pytest
import sqlalchemy as sa
from redis.asyncio import Redis

from handlers.delivery.dispatch import Dispatched
from handlers.delivery.ledger import Claim
from handlers.delivery.message import Message
from handlers.delivery.pace import Limits
from tests.deadline import wait_until
from tests.delivery.carriers import UNLIMITED, Carrier, Office, contents_but_of, in_an_office
from tests.delivery.ledgers import plan_users, row, states

USERS = [f"u{number}" for number in range(20)]

END_THOSE_WHO_WAIT = sa.text("""
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%SET state = told.state%'
""")

END_ALL_OTHERS = sa.text("""
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
""")


def test_answers_are_kept_while_the_database_is_away(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, *USERS)

    class Cutting(Carrier):
        """When the first answer is on its way, whoever writes answers down is cut off in the middle of it."""

        cuts = 0

        async def on_its_way(self, user_id: str) -> None:  # noqa: ARG002
            if len(self.calls) == 1:
                self.cutting = asyncio.ensure_future(asyncio.to_thread(self.cut))
                while not self.locked:
                    await asyncio.sleep(0.01)

        locked = False

        def cut(self) -> None:
            with database.connect() as blocker, database.connect() as killer:
                blocker.execute(sa.text("SELECT FROM cutover.send_ledger WHERE state = 'sending' FOR UPDATE"))
                self.locked = True
                wait_until(lambda: self.ended(killer), what="an attempt to write answers down")
                blocker.rollback()

        def ended(self, killer: sa.Connection) -> bool:
            self.cuts += killer.scalar(END_THOSE_WHO_WAIT) or 0
            killer.rollback()
            return self.cuts > 0

    carrier = Cutting()

    async def cut_off(office: Office) -> Dispatched:
        done = await office.send(carrier)
        await carrier.cutting
        return done

    done: Dispatched = in_an_office(database, redis_url, cut_off)
    assert carrier.cuts >= 1
    assert sorted(carrier.calls) == sorted(USERS)
    assert set(states(database).values()) == {"accepted"}
    assert done.settled["accepted"] == len(USERS)


def test_connections_that_broke_while_requests_were_in_flight_lose_no_answer(
    database: sa.Engine, redis_url: str
) -> None:
    plan_users(database, *USERS)

    class Breaking(Carrier):
        async def on_its_way(self, user_id: str) -> None:  # noqa: ARG002
            if len(self.calls) == len(USERS):
                await asyncio.to_thread(self.break_all)

        def break_all(self) -> None:
            with database.connect() as connection:
                connection.execute(END_ALL_OTHERS)

    carrier = Breaking()

    async def send(office: Office) -> None:
        try:
            await office.send(carrier)
        except sa.exc.OperationalError:
            """A claim may be cut off, too; then the slice ends when all answers are written down."""

    in_an_office(database, redis_url, send)
    assert sorted(carrier.accepted) == sorted(USERS)
    assert set(states(database).values()) == {"accepted"}


def test_answers_are_written_down_before_the_failure_of_a_claim_is_told(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, *USERS)
    carrier = Carrier()

    def contents(connection: sa.Connection, claims: Sequence[Claim]) -> Mapping[str, Message]:
        if claims[0].user_id != "u0":
            raise LookupError("the shop's tables cannot be read")
        return contents_but_of()(connection, claims)

    with pytest.raises(LookupError, match="the shop's tables"):
        in_an_office(database, redis_url, lambda office: office.send(carrier, contents, in_flight=4, batch=4))
    found = states(database)
    assert {user_id for user_id, state in found.items() if state == "accepted"} == set(carrier.accepted) != set()
    assert set(found.values()) == {"accepted", "planned"}


def test_I5_without_the_pace_nothing_is_claimed_and_nothing_sent(database: sa.Engine) -> None:
    plan_users(database, "u1")
    carrier = Carrier()

    async def scenario() -> Dispatched:
        async with Redis.from_url("redis://127.0.0.1:1") as nowhere:
            return await Office(database, nowhere, UNLIMITED).dispatcher(carrier).send(0, seconds=0.2)

    done = asyncio.run(scenario())
    assert (done.more, done.settled, carrier.calls) == (True, {}, [])
    assert row(database, "u1")["attempt"] == 0


def test_I5_losing_the_pace_in_the_middle_loses_no_answer(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, *USERS)

    async def scenario() -> Dispatched:
        async with Redis.from_url(redis_url) as client:

            class Losing(Carrier):
                async def on_its_way(self, user_id: str) -> None:  # noqa: ARG002
                    where = client.connection_pool.connection_kwargs
                    where.update({"path": "/dev/null/none.sock"} if "path" in where else {"port": 1})
                    await client.connection_pool.disconnect(inuse_connections=False)

            return await Office(database, client, UNLIMITED).dispatcher(Losing(), in_flight=1).send(0, seconds=0.5)

    done = asyncio.run(scenario())
    assert done.settled.get("accepted", 0) == list(states(database).values()).count("accepted") >= 1
    assert "sending" not in states(database).values()


def test_a_slot_is_not_used_when_its_request_could_arrive_too_late(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, "u1")
    carrier = Carrier()

    def slow(connection: sa.Connection, claims: Sequence[Claim]) -> Mapping[str, Message]:
        end = time.monotonic() + 0.3
        wait_until(lambda: time.monotonic() > end)
        return contents_but_of()(connection, claims)

    async def once(office: Office) -> None:
        await office.dispatcher(carrier, slow).send(0, seconds=0.1)

    in_an_office(database, redis_url, once, Limits(quota=0, transit=0.05))
    assert carrier.calls == []
