"""The pace: smooth departures, the provider's own throttling, verdicts, and what is left behind."""

import pytest
from redis.asyncio import Redis

from handlers.delivery.pace import Limits, Verdict
from tests.delivery.paces import Bench, on_a_bench


def test_after_a_pause_a_burst_goes_at_once_and_then_they_are_spaced(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        grant = await bench.pace.acquire(50)
        assert [slot.departs_in for slot in grant.slots] == [0.005] * 10 + [0.015, 0.025]
        refused = await bench.refused()
        assert (refused.why, refused.wait) == ("quota", 0.01)
        bench.clock.pass_by(refused.wait)
        (slot,) = (await bench.pace.acquire(50)).slots
        assert slot.departs_in == 0.025

    on_a_bench(redis_url, scenario)


def test_a_burst_of_one_spaces_all_evenly(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        grant = await bench.pace.acquire(50)
        assert [slot.departs_in for slot in grant.slots] == [0.005, 0.015, 0.025]

    on_a_bench(redis_url, scenario, Limits(burst=1))


def test_without_a_quota_all_go_at_once(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        grant = await bench.pace.acquire(5000)
        assert [slot.departs_in for slot in grant.slots] == [0.005] * 1000
        await bench.pace.settle([(slot.token, Verdict.SUCCESS) for slot in grant.slots] * 2)
        assert (await bench.pace.state()).in_flight == 0

    on_a_bench(redis_url, scenario, Limits(quota=0))


def test_a_full_window_is_asked_for_again_soon_while_requests_are_in_flight(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.take(3)
        refused = await bench.refused()
        assert (refused.why, refused.wait) == ("quota", 0.02)

    on_a_bench(redis_url, scenario, Limits(quota=3))


def test_a_full_window_that_was_answered_says_when_to_come_back(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        tokens = await bench.take(3)
        bench.clock.pass_by(0.1)
        await bench.pace.settle([(token, Verdict.SUCCESS) for token in tokens])
        refused = await bench.refused()
        assert (refused.why, refused.wait) == ("quota", 0.975)
        bench.clock.pass_by(0.974_999)
        await bench.refused()
        bench.clock.pass_by(0.000_001)
        (first, *_) = (await bench.pace.acquire(3)).slots
        assert first.departs_in == 0.025

    on_a_bench(redis_url, scenario, Limits(quota=3))


@pytest.mark.parametrize(
    ("verdict", "held"),
    [
        (Verdict.SUCCESS, 1.0),
        (Verdict.FAILURE, 1.0),
        (Verdict.NEUTRAL, 1.0),
        (Verdict.UNUSED, 0.0),
        (Verdict.UNANSWERED, 30.905_001),
        (None, 30.905),
    ],
)
def test_a_verdict_says_how_long_a_place_in_the_window_stays_taken(
    redis_url: str, verdict: Verdict | None, held: float
) -> None:
    async def scenario(bench: Bench) -> None:
        (token,) = await bench.take()
        bench.clock.pass_by(0.1)
        # Saying it again, and taking it back after the fact, changes nothing.
        for said in (verdict, verdict, Verdict.UNUSED):
            if said and verdict:
                await bench.pace.settle([(token, said)])
        bench.clock.pass_by(max(0.0, held - 0.025 - 0.000_001))
        if held:
            await bench.refused()
            bench.clock.pass_by(0.000_001)
        await bench.take()

    on_a_bench(redis_url, scenario, Limits(quota=1, burst=9))


@pytest.mark.parametrize("then", list(Verdict))
@pytest.mark.parametrize("first", [Verdict.SUCCESS, Verdict.UNANSWERED])
def test_of_one_token_the_first_verdict_counts(redis_url: str, first: Verdict, then: Verdict) -> None:
    async def scenario(bench: Bench) -> None:
        async def places() -> object:
            return await bench.client.zrange(f"{bench.namespace}:pace:holds", 0, -1, withscores=True)

        (token,) = await bench.take()
        bench.clock.pass_by(0.1)
        await bench.pace.settle([(token, first)])
        before = (await places(), await bench.pace.state())
        await bench.pace.settle([(token, then)])
        assert (await places(), await bench.pace.state()) == before

    on_a_bench(redis_url, scenario)


def test_the_longest_silence_the_provider_asked_for_counts(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.pace.settle([], closed_for=3.0)
        await bench.pace.settle([], closed_for=0.5)
        refused = await bench.refused()
        assert (refused.why, refused.wait) == ("throttled", 1.0)
        state = await bench.pace.state()
        assert (state.breaker, state.why, state.resumes_in) == ("closed", "throttled", 3.0)
        bench.clock.pass_by(2.5)
        refused = await bench.refused()
        assert (refused.why, refused.wait) == ("throttled", 0.475)
        bench.clock.pass_by(0.475)
        (slot,) = (await bench.pace.acquire(1)).slots
        assert slot.departs_in == 0.025

    for limits in (Limits(), Limits(quota=0)):
        on_a_bench(redis_url, scenario, limits)


def test_a_throttled_request_still_takes_its_place_in_the_window(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        (token,) = await bench.take()
        await bench.pace.settle([(token, Verdict.NEUTRAL)], closed_for=0.5)
        bench.clock.pass_by(0.9)
        assert (await bench.refused()).why == "quota"

    on_a_bench(redis_url, scenario, Limits(quota=1))


def test_workers_on_two_connections_share_one_pace(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        async with Redis.from_url(redis_url) as client:
            other = bench.another(client)
            tokens = await bench.take(2)
            grant = await other.acquire(9)
            assert len(grant.slots) == 1
            await other.settle([(tokens[0], Verdict.UNUSED)])
            await bench.take(1)
            assert await other.state() == await bench.pace.state()

    on_a_bench(redis_url, scenario, Limits(quota=3))


def test_the_state_is_there_for_people_to_see(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        tokens = await bench.take(5)
        before = await bench.pace.state()
        assert (before.in_flight, before.sent) == (5, 0)
        bench.clock.pass_by(0.5)
        await bench.pace.settle([(tokens[0], Verdict.SUCCESS), (tokens[1], Verdict.FAILURE)])
        state = await bench.pace.state()
        assert (state.breaker, state.why, state.resumes_in) == ("closed", "", 0)
        assert (state.failures, state.in_flight, state.sent) == (1, 3, 5)
        bench.clock.pass_by(31)
        state = await bench.pace.state()
        assert (state.in_flight, state.sent) == (0, 0)

    on_a_bench(redis_url, scenario)


def test_looking_changes_nothing(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        assert (await bench.pace.state()).why == ""
        assert await bench.keys() == []

    on_a_bench(redis_url, scenario, warm=False)


def test_nothing_stays_for_ever_and_nothing_goes_before_its_time(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.take(5)
        for seconds in (0, 7200):
            await bench.pace.settle([], closed_for=seconds)
            lives = [await bench.client.ttl(key) for key in await bench.keys()]
            assert len(lives) == 2
            assert all(seconds + 61 <= life <= seconds + 61 + 3600 for life in lives)

    on_a_bench(redis_url, scenario)


@pytest.mark.parametrize("decoded", [False, True])
def test_it_does_not_matter_whether_the_client_decodes(redis_url: str, decoded: bool) -> None:
    async def scenario(bench: Bench) -> None:
        async with Redis.from_url(redis_url, decode_responses=decoded, protocol=3) as client:
            pace = bench.another(client)
            (slot,) = (await pace.acquire(1)).slots
            await pace.settle([(slot.token, Verdict.SUCCESS)])
            assert (await pace.state()).in_flight == 0

    on_a_bench(redis_url, scenario)


def test_wrong_arguments_are_refused_by_name(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(ValueError, match="want is 0, expected at least 1"):
            await bench.pace.acquire(0)
        with pytest.raises(ValueError, match="token is 'x', expected one from a slot"):
            await bench.pace.settle([("x", Verdict.UNUSED)])
        with pytest.raises(ValueError, match="closed_for is -1"):
            await bench.pace.settle([], closed_for=-1)

    on_a_bench(redis_url, scenario)
    with pytest.raises(ValueError, match="burst is 0, expected a number from 1"):
        Limits(burst=0)
    with pytest.raises(ValueError, match="longest_cool_down is 1, expected a number from 2"):
        Limits(longest_cool_down=1)


def test_what_was_answered_a_window_ago_is_forgotten(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        tokens = await bench.take(5)
        await bench.pace.settle([(token, Verdict.SUCCESS) for token in tokens])
        bench.clock.pass_by(1.5)
        await bench.take()
        assert await bench.client.zcard(f"{bench.namespace}:pace:holds") == 1

    on_a_bench(redis_url, scenario)
