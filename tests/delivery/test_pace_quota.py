"""The quota at the provider, whatever the network does: workers at random, and the worst that could come of it."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from itertools import count, pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.delivery.pace import Limits, Slot, Verdict
from tests.delivery.paces import Bench, benches

SECOND = 1_000_000
ANSWERS = [Verdict.SUCCESS] * 6 + [Verdict.NEUTRAL, Verdict.FAILURE]
NEVER = 1 << 62


class World:
    """Workers that behave as badly as they may, on a clock of whole microseconds."""

    def __init__(self, bench: Bench, random: Random, slowest: float) -> None:
        self.bench = bench
        self.random = random
        self.slowest = slowest
        self.departures: list[int] = []
        # From when to when each request may reach the provider.
        self.flights: list[list[int]] = []
        self._agenda: list[tuple[int, int, Callable[[], Awaitable[None]]]] = []
        self._order = count()

    @property
    def now(self) -> int:
        return self.bench.clock.microseconds

    def later(self, moment: int, act: Callable[[], Awaitable[None]]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._order), act))

    async def run(self, steps: int) -> None:
        for _ in range(steps):
            if not self._agenda:
                return
            moment, _, act = heapq.heappop(self._agenda)
            self.bench.clock.microseconds = max(self.now, moment)
            await act()

    async def work(self) -> None:
        grant = await self.bench.pace.acquire(self.random.randint(1, 2 * self.bench.limits.quota))
        for slot in grant.slots:
            self._use(slot)
        pause = self.random.choice([0.0, 0.0, 0.01, 0.3])
        self.later(self.now + round((grant.wait + pause) * SECOND), self.work)

    async def forget(self) -> None:
        """Redis loses its data; what is on its way arrives within the grace."""
        await self.bench.forget()
        deadline = self.now + round(self.bench.limits.grace * SECOND)
        for flight in self.flights:
            flight[1] = min(flight[1], max(deadline, flight[0]))

    def _use(self, slot: Slot) -> None:
        departure = self.now + round(slot.departs_in * SECOND)
        self.departures.append(departure)
        latest = departure + round(self.bench.limits.transit * SECOND)
        fate = self.random.random()
        if fate < 0.1:
            self._settle(slot.token, self.now + self.random.randint(0, SECOND // 20), Verdict.UNUSED)
        elif fate < 0.2:
            self.flights.append([departure, latest])
            if fate < 0.15:
                self._settle(slot.token, departure + self.random.randint(0, SECOND), Verdict.UNANSWERED)
        else:
            answered = departure + round(self.slowest * SECOND * self.random.random() ** 3)
            self.flights.append([departure, min(answered, latest)])
            self._settle(slot.token, answered, self.random.choice(ANSWERS))

    def _settle(self, token: str, moment: int, verdict: Verdict) -> None:
        async def settle() -> None:
            await self.bench.pace.settle([(token, verdict)])

        self.later(moment, settle)
        if self.random.random() < 0.2:
            self.later(moment + self.random.randint(0, SECOND), settle)


def most_in_a_window(flights: list[list[int]], window: int) -> int:
    """The most requests that can reach the provider in one window: every one that could arrive in it does."""
    changes = sorted(
        change for departed, answered in flights for change in ((departed - window + 1, 0, 1), (answered + 1, -1, -1))
    )
    most = here = 0
    for _, _, change in changes:
        here += change
        most = max(most, here)
    return most


def worst_excess(departures: list[int], limits: Limits) -> float:
    """By how many requests the departures exceed burst + rate * time in the worst interval."""
    interval = limits.window * SECOND / limits.quota
    level, worst = 0.0, 0.0
    for before, departure in pairwise([departures[0], *departures]):
        level = max(0.0, level - (departure - before) / interval) + 1
        worst = max(worst, level - limits.burst)
    return worst


def test_the_worst_case_counts_every_request_that_could_arrive_in_a_window() -> None:
    assert most_in_a_window([[0, 0], [SECOND, SECOND]], SECOND) == 1
    assert most_in_a_window([[0, 1], [SECOND, SECOND]], SECOND) == 2
    assert most_in_a_window([[0, 5 * SECOND], [SECOND, SECOND], [4 * SECOND, 9 * SECOND]], SECOND) == 2


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    workers=st.integers(1, 4),
    quota=st.integers(1, 15),
    burst=st.integers(1, 6),
    window=st.sampled_from([0.1, 1.0]),
    slowest=st.sampled_from([0.0, 0.1, 1.0, 4.0]),
    forgets=st.booleans(),
)
def test_no_window_holds_more_than_the_quota(
    redis_url: str, seed: int, workers: int, quota: int, burst: int, window: float, slowest: float, forgets: bool
) -> None:
    limits = Limits(quota=quota, burst=burst, window=window, transit=2.0, failures=3, cool_down=0.2, probe_patience=0.5)

    async def run() -> None:
        async with benches(redis_url, limits) as bench:
            world = World(bench, Random(seed), slowest)
            for _ in range(workers):
                world.later(world.now + world.random.randint(0, SECOND), world.work)
            if forgets:
                world.later(world.now + world.random.randint(0, 5 * SECOND), world.forget)
            await world.run(200)
        assert world.departures
        assert most_in_a_window(world.flights, round(window * SECOND)) <= quota
        if not forgets:
            assert world.departures == sorted(world.departures)
            assert worst_excess(world.departures, limits) < 0.001

    asyncio.run(run())


async def _throughput(url: str, latency: float, burst: int) -> float:
    """Departures a second of one worker that always wants more, with answers that take `latency` seconds."""
    async with benches(url, Limits(burst=burst)) as bench:
        period = round((1 + latency) * SECOND)
        # What the first burst brings forward is not what is sustained.
        start = bench.clock.microseconds + 5 * period
        departures: list[int] = []
        pending: list[tuple[int, str]] = []
        while (now := bench.clock.microseconds) < start + 20 * period:
            if done := [token for moment, token in pending if moment <= now]:
                pending = [(moment, token) for moment, token in pending if moment > now]
                await bench.pace.settle([(token, Verdict.SUCCESS) for token in done])
            grant = await bench.pace.acquire(50)
            for slot in grant.slots:
                departures.append(now + round(slot.departs_in * SECOND))
                pending.append((departures[-1] + round(latency * SECOND), slot.token))
            wake = now + max(1, round(grant.wait * SECOND))
            bench.clock.microseconds = min([wake, *(moment for moment, _ in pending)])
        sustained = sum(start <= departure < start + 20 * period for departure in departures)
        return sustained * SECOND / (20 * period)


@pytest.mark.parametrize("latency", [0.1, 0.5])
def test_a_slow_provider_is_sent_as_much_as_the_proof_allows(redis_url: str, latency: float) -> None:
    assert asyncio.run(_throughput(redis_url, latency, burst=10)) == pytest.approx(100 / (1 + latency), rel=0.01)


@pytest.mark.parametrize("burst", [1, 10])
def test_a_provider_that_answers_at_once_is_sent_the_whole_quota(redis_url: str, burst: int) -> None:
    assert 99.9 <= asyncio.run(_throughput(redis_url, 0.0, burst)) <= 100.0
