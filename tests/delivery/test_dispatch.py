"""The dispatcher: claims, sends and settles each e-mail once, whatever the provider answers."""

import asyncio

import pytest
import sqlalchemy as sa

from handlers.delivery.dispatch import Dispatched
from handlers.delivery.drain import Drain
from handlers.delivery.pace import Limits
from handlers.delivery.provider import Accepted, Answer, NotAccepted, Refused, Unconfirmed
from tests.delivery.carriers import Carrier, Office, contents_but_of, in_an_office
from tests.delivery.ledgers import as_log_tells, execute, plan_users, refused, row, states, take, told_by_log, wish

MANY = [f"u{number:03d}" for number in range(150)]


def due_now(engine: sa.Engine) -> None:
    execute(engine, "UPDATE cutover.send_ledger SET not_before = NULL")


@pytest.mark.parametrize("limits", [Limits(quota=0), Limits(quota=1000, burst=100)], ids=["unlimited", "quota"])
def test_I2_everything_that_is_due_is_accepted_once(database: sa.Engine, redis_url: str, limits: Limits) -> None:
    plan_users(database, *MANY)
    carrier = Carrier()
    done: Dispatched = in_an_office(database, redis_url, lambda office: office.send(carrier), limits)
    assert sorted(carrier.accepted) == MANY
    assert done.settled.pop("suppressed", 0) == 0
    assert (done.settled, done.more) == ({"accepted": len(MANY)}, False)
    held = row(database, "u000")
    assert (held["state"], held["evidence"], held["message_id"]) == ("accepted", "answer", f"m-{held['send_id']}")
    assert refused(database) == []
    assert told_by_log(database) == as_log_tells(database)


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (Refused("http_400"), "failed", "http_400"),
        (Unconfirmed("read_timeout"), "unconfirmed", "read_timeout"),
        (NotAccepted("http_503"), "planned", "http_503"),
    ],
)
def test_an_answer_concerns_its_row_alone(
    database: sa.Engine, redis_url: str, answer: Answer, state: str, reason: str
) -> None:
    plan_users(database, "u1", "u2", "u3")
    carrier = Carrier({"u2": [answer]})
    done: Dispatched = in_an_office(database, redis_url, lambda office: office.send(carrier))
    assert states(database) == {"u1": "accepted", "u2": state, "u3": "accepted"}
    assert (row(database, "u2")["reason"], done.settled[state]) == (reason, 1)
    assert sorted(carrier.calls) == ["u1", "u2", "u3"]


def test_what_was_not_accepted_is_sent_again_when_its_time_has_come(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, "u1")
    carrier = Carrier({"u1": [NotAccepted("http_503"), NotAccepted("connect_refused")]})

    async def thrice(office: Office) -> None:
        for _ in range(3):
            await office.send(carrier)
            due_now(database)

    in_an_office(database, redis_url, thrice)
    held = row(database, "u1")
    assert (held["state"], held["attempt"], held["reason"]) == ("accepted", 3, None)
    assert carrier.accepted == ["u1"]


def test_what_was_throttled_is_due_again_at_once(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, *MANY[:5])
    throttled = NotAccepted("http_429", retry_after=0.05, throttled=True)
    carrier = Carrier({user_id: [throttled] for user_id in MANY[:5]})

    async def twice(office: Office) -> None:
        for _ in range(2):
            await office.send(carrier)

    in_an_office(database, redis_url, twice)
    assert set(states(database).values()) == {"accepted"}
    assert sorted(carrier.calls) == sorted([*MANY[:5], *MANY[:5]])


def test_an_outage_burns_no_attempts(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, *MANY)
    carrier = Carrier({user_id: [NotAccepted("connect_refused")] for user_id in MANY})
    limits = Limits(quota=0, failures=3, cool_down=600.0, longest_cool_down=600.0)

    async def briefly(office: Office) -> Dispatched:
        return await office.dispatcher(carrier, in_flight=1).send(0, seconds=1.0)

    done: Dispatched = in_an_office(database, redis_url, briefly, limits)
    assert len(carrier.calls) == 3
    assert done.settled["planned"] == 3
    assert done.more
    assert len([user_id for user_id in MANY if row(database, user_id)["attempt"] == 0]) == len(MANY) - 3


def test_a_message_that_cannot_be_made_fails_and_stops_nobody(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, "u1", "u2")
    carrier = Carrier(unfit=["u1"])
    done: Dispatched = in_an_office(database, redis_url, lambda office: office.send(carrier))
    assert states(database) == {"u1": "failed", "u2": "accepted"}
    assert row(database, "u1")["reason"] == "unfit: subject has no end"
    assert done.settled["failed"] == 1
    assert carrier.calls == ["u2"]


def test_a_user_whom_the_shop_does_not_know_any_more_is_suppressed(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, "u1", "u2")
    carrier = Carrier()
    in_an_office(database, redis_url, lambda office: office.send(carrier, contents_but_of("u1")))
    assert states(database) == {"u1": "suppressed", "u2": "accepted"}
    assert row(database, "u1")["reason"] == "unknown_user"
    assert refused(database) == []


def test_who_does_not_want_mail_any_more_is_never_sent_any(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, "u1", "u2")
    wish(database, "u1", mail=False)
    carrier = Carrier()
    done: Dispatched = in_an_office(database, redis_url, lambda office: office.send(carrier))
    assert (carrier.calls, done.settled["suppressed"]) == (["u2"], 1)


def test_only_the_run_that_is_asked_for_is_sent(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, "u1")
    plan_users(database, "u2", run="2026-W48")
    carrier = Carrier()

    async def one_run(office: Office) -> None:
        await office.dispatcher(carrier).send(0, seconds=30.0, run="2026-W48")

    in_an_office(database, redis_url, one_run)
    assert carrier.calls == ["u2"]


def test_a_claim_that_was_held_too_long_is_given_back_unsent(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, "u1", "u2")
    carrier = Carrier()
    in_an_office(database, redis_url, lambda office: office.send(carrier, lease=0.0))
    assert carrier.calls == []
    assert states(database) == {"u1": "planned", "u2": "planned"}
    assert row(database, "u1")["reason"] == "held_too_long"


def test_a_slice_ends_when_its_time_is_over_and_leaves_nothing_in_flight(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, *MANY)

    class Slow(Carrier):
        async def on_its_way(self, user_id: str) -> None:  # noqa: ARG002
            await asyncio.sleep(0.1)

    carrier = Slow()

    async def briefly(office: Office) -> Dispatched:
        return await office.dispatcher(carrier, in_flight=2).send(0, seconds=0.3)

    done: Dispatched = in_an_office(database, redis_url, briefly)
    assert done.more
    found = list(states(database).values())
    assert set(found) == {"accepted", "planned"}
    assert found.count("accepted") == len(carrier.calls) == done.settled["accepted"] < len(MANY)


def test_a_request_that_hangs_holds_up_no_slice_and_is_settled_when_it_is_answered(
    database: sa.Engine, redis_url: str
) -> None:
    plan_users(database, *MANY[:20])

    async def scenario(office: Office) -> tuple[Dispatched, dict[str, str]]:
        answered = asyncio.Event()

        class Hanging(Carrier):
            async def on_its_way(self, user_id: str) -> None:
                if user_id == "u007":
                    await answered.wait()

        dispatcher = office.dispatcher(Hanging())
        done = await dispatcher.send(0, seconds=30.0)
        before = states(database)
        answered.set()
        await dispatcher.land()
        return done, before

    done, before = in_an_office(database, redis_url, scenario)
    assert (before.pop("u007"), set(before.values()), done.more) == ("sending", {"accepted"}, False)
    assert set(states(database).values()) == {"accepted"}


def test_in_flight_bounds_the_requests_at_any_moment(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, *MANY[:40])

    class Counting(Carrier):
        now = most = 0

        async def on_its_way(self, user_id: str) -> None:  # noqa: ARG002
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.01)
            self.now -= 1

    carrier = Counting()
    in_an_office(database, redis_url, lambda office: office.send(carrier, in_flight=3))
    assert len(carrier.calls) == 40
    assert carrier.most <= 3


def test_I2_two_dispatchers_at_one_partition_never_send_a_row_twice(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, *MANY)
    carrier = Carrier()

    async def both(office: Office) -> None:
        await asyncio.gather(*(office.send(carrier, batch=5) for _ in range(2)))

    in_an_office(database, redis_url, both)
    assert sorted(carrier.calls) == MANY
    assert set(states(database).values()) == {"accepted"}


def test_rows_another_has_claimed_are_theirs(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, "u1", "u2")
    take(database, 1)
    carrier = Carrier()
    in_an_office(database, redis_url, lambda office: office.send(carrier))
    assert carrier.calls == ["u2"]
    assert states(database) == {"u1": "sending", "u2": "accepted"}


def test_what_a_drain_cannot_handle_takes_nothing_else_with_it_and_is_not_forgotten() -> None:
    handled: list[int] = []

    async def handle(items: list[int]) -> None:
        await asyncio.sleep(0)
        if 1 in items:
            raise ValueError("not this one")
        handled.extend(items)

    async def scenario() -> None:
        drain = Drain(handle)
        drain.add(1)
        await asyncio.sleep(0)
        for item in (2, 3):
            drain.add(item)
            await asyncio.sleep(0.01)
        with pytest.raises(ValueError, match="not this one"):
            await drain.empty()
        drain.add(4)
        await drain.empty()

    asyncio.run(scenario())
    assert handled == [2, 3, 4]


def test_a_provider_that_raises_may_have_sent_it_and_stops_nobody(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, "u1", "u2", "u3")

    class Defective(Carrier):
        async def on_its_way(self, user_id: str) -> None:
            if user_id == "u2":
                raise KeyError(user_id)

    done: Dispatched = in_an_office(database, redis_url, lambda office: office.send(Defective()))
    assert states(database) == {"u1": "accepted", "u2": "unconfirmed", "u3": "accepted"}
    assert (row(database, "u2")["reason"], done.settled["unconfirmed"]) == ("provider_raised", 1)
    assert refused(database) == []


def test_an_accepted_answer_without_a_message_id_is_as_good(database: sa.Engine, redis_url: str) -> None:
    plan_users(database, "u1")
    in_an_office(database, redis_url, lambda office: office.send(Carrier({"u1": [Accepted()]})))
    assert (row(database, "u1")["state"], row(database, "u1")["message_id"]) == ("accepted", None)
