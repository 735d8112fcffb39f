"""The pace as a state machine: workers that take, send, answer, repeat themselves or die, silence, and lost data."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from redis.asyncio import Redis

from handlers.delivery.pace import Grant, Limits, Verdict
from tests.delivery.paces import Bench
from tests.delivery.test_pace_quota import most_in_a_window

SECOND = 1_000_000
LIMITS = Limits(
    quota=4, burst=2, window=1.0, lead=0.005, horizon=0.02, transit=2.0, grace=0.25, failures=1_000, cool_down=0.5
)
"""The breaker stays out of it: it has tests of its own."""

T = TypeVar("T")
some = st.integers(0, 1000)
verdicts = st.sampled_from([Verdict.SUCCESS, Verdict.SUCCESS, Verdict.NEUTRAL, Verdict.FAILURE, Verdict.UNANSWERED])
spoken = st.sampled_from(list(Verdict))


@dataclass
class Request:
    """A slot that was given out; all times are whole microseconds.

    It may reach the provider from `departs` to `latest`, unless nothing was sent. `said` is the first verdict.
    """

    token: str
    departs: int
    latest: int
    said: Verdict | None = None
    known: bool = True


class PaceMachine(RuleBasedStateMachine):
    """Drives the real scripts in a real Valkey, at a time of its own, beside a list of what may be on its way."""

    redis_url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.requests: list[Request] = []
        self.silent_until = 0
        self.warm_until: int | None = 0

    @initialize(warm=st.sampled_from([True, True, False]))
    def begin(self, warm: bool) -> None:
        self.client = Redis.from_url(self.redis_url)
        self.bench = Bench(self.client, LIMITS)
        self.warm_until = None
        if warm:
            self.take(1)
            self.bench.clock.pass_by(LIMITS.window + LIMITS.grace)

    @rule(want=st.integers(1, 6))
    def take(self, want: int) -> None:
        self.grant(want)

    @rule(rounds=st.integers(2, 8), want=st.integers(1, 4), seconds=st.sampled_from([0.0, 0.01, 0.2]))
    def work(self, rounds: int, want: int, seconds: float) -> None:
        """A worker as it should be: takes, sends, hears of it, and comes again as soon as it may."""
        for _ in range(rounds):
            grant = self.grant(want)
            for _ in grant.slots:
                self.answer(-1, Verdict.SUCCESS, seconds)
            self.bench.clock.pass_by(grant.wait)
            self.no_window_can_hold_more_than_the_quota()

    @rule(seconds=st.sampled_from([0.001, 0.02, 0.1, 0.3, 1.0, 2.5]))
    def time_passes(self, seconds: float) -> None:
        self.bench.clock.pass_by(seconds)

    @rule(which=some, verdict=verdicts, seconds=st.sampled_from([0.0, 0.01, 0.2, 1.5]))
    def answer(self, which: int, verdict: Verdict, seconds: float) -> None:
        """A request departs, and some time later there is a verdict, which says when it has arrived if it has."""
        request = self.unsettled(which)
        if request is None:
            return
        self.bench.clock.microseconds = max(self.now, request.departs) + ticks(seconds)
        if verdict is not Verdict.UNANSWERED:
            request.latest = min(request.latest, self.now)
        self.say(request, verdict)

    @rule(which=some)
    def give_back(self, which: int) -> None:
        """Whoever holds the slot is late, or has nothing to send after all."""
        request = self.unsettled(which)
        if request is not None:
            self.say(request, Verdict.UNUSED)
            request.latest = request.departs - 1

    @rule(which=some, verdict=spoken)
    def say_again(self, which: int, verdict: Verdict) -> None:
        """A verdict that follows another changes nothing, whatever it says."""
        settled = [each for each in self.requests if each.said not in (None, Verdict.UNUSED) and self.held(each)]
        if settled:
            before = self.holds()
            self.wait(self.bench.pace.settle([(settled[which % len(settled)].token, verdict)]))
            assert self.holds() == before

    @rule(seconds=st.sampled_from([0.05, 0.5, 3.0]))
    def throttle(self, seconds: float) -> None:
        """429 with Retry-After."""
        self.wait(self.bench.pace.settle([], closed_for=seconds))
        self.looked()
        self.silent_until = max(self.silent_until, self.now + ticks(seconds))

    @rule(luck=st.integers(0, 2))
    def lose_data(self, luck: int) -> None:
        """FLUSHALL; what is on its way then arrives within the grace, and nobody remembers what was asked for."""
        if luck or self.warm_until is None:
            return
        self.wait(self.bench.forget())
        deadline = self.now + ticks(LIMITS.grace)
        for request in self.requests:
            request.known = False
            request.latest = min(request.latest, max(deadline, request.departs))
        self.silent_until, self.warm_until = 0, None

    @invariant()
    def no_window_can_hold_more_than_the_quota(self) -> None:
        flights = [[each.departs, each.latest] for each in self.requests if each.latest >= each.departs]
        assert most_in_a_window(flights, ticks(LIMITS.window)) <= LIMITS.quota

    @invariant()
    def what_is_in_flight_is_counted(self) -> None:
        state = self.wait(self.bench.pace.state())
        assert state.in_flight == sum(self.in_flight(each) for each in self.requests if each.known)

    def teardown(self) -> None:
        """No slot is lost for ever: when all is over, a whole quota goes out within a window."""
        self.bench.clock.microseconds = max([self.now, self.silent_until, *(each.latest for each in self.requests)])
        self.take(1)
        self.bench.clock.pass_by(LIMITS.transit + 2 * LIMITS.window + LIMITS.grace)
        start, given = self.now, len(self.requests)
        while len(self.requests) < given + LIMITS.quota:
            assert self.now < start + ticks(LIMITS.window)
            grant_after = self.wait(self.bench.pace.acquire(1))
            for slot in grant_after.slots:
                departs = self.now + round(slot.departs_in * SECOND)
                self.requests.append(Request(slot.token, departs, departs))
                self.wait(self.bench.pace.settle([(slot.token, Verdict.SUCCESS)]))
            self.bench.clock.microseconds += max(1, round(grant_after.wait * SECOND))
        self.wait(self.bench.forget())
        self.wait(self.client.aclose())
        self.runner.close()

    @property
    def now(self) -> int:
        return self.bench.clock.microseconds

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def grant(self, want: int) -> Grant:
        grant = self.wait(self.bench.pace.acquire(want))
        self.looked()
        assert len(grant.slots) <= want
        assert bool(grant.slots) != bool(grant.why)
        assert grant.slots or 0 < grant.wait <= 1
        for slot in grant.slots:
            departs = self.now + round(slot.departs_in * SECOND)
            assert self.now + ticks(LIMITS.lead) <= departs <= self.now + ticks(LIMITS.lead + LIMITS.horizon)
            assert departs >= self.silent_until, "given out into the silence the provider asked for"
            assert departs >= self.beginning(), "given out before anybody could know what is on its way"
            self.requests.append(Request(slot.token, departs, departs + ticks(LIMITS.transit)))
        return grant

    def looked(self) -> None:
        """The first to come after data was lost sets when sending may begin again."""
        if self.warm_until is None:
            self.warm_until = self.now + ticks(LIMITS.window + LIMITS.grace)

    def beginning(self) -> int:
        return self.warm_until or 0

    def unsettled(self, which: int) -> Request | None:
        found = [each for each in self.requests if each.said is None]
        return found[which % len(found)] if found else None

    def say(self, request: Request, verdict: Verdict) -> None:
        self.wait(self.bench.pace.settle([(request.token, verdict)]))
        self.looked()
        request.said, request.known = verdict, True

    def held(self, request: Request) -> bool:
        return any(token == request.token for token, _ in self.holds())

    def holds(self) -> list[tuple[str, float]]:
        """Every token that takes a place, and until when."""

        async def look() -> object:
            return await self.client.zrange(f"{self.bench.namespace}:pace:holds", 0, -1, withscores=True)

        return [(token.decode(), until) for token, until in cast("list[tuple[bytes, float]]", self.wait(look()))]

    def in_flight(self, request: Request) -> bool:
        """Whether it may still arrive as far as Redis can know: nobody has heard of it, or nobody ever will."""
        return request.said in (None, Verdict.UNANSWERED) and request.departs + ticks(LIMITS.transit) >= self.now + (
            request.said is None
        )


def ticks(seconds: float) -> int:
    return round(seconds * SECOND)
