"""The breaker, over all workers: when it opens, what it lets through, and what closes it."""

import pytest

from handlers.delivery.pace import Limits, Verdict
from tests.delivery.paces import Bench, on_a_bench

F, S, N, A, U = Verdict.FAILURE, Verdict.SUCCESS, Verdict.NEUTRAL, Verdict.UNANSWERED, Verdict.UNUSED


@pytest.mark.parametrize(
    ("verdicts", "breaker"),
    [
        ([F, F, F, F], "closed"),
        ([F, F, F, F, F], "open"),
        ([A, F, A, F, A], "open"),
        ([F, F, F, F, S, F], "closed"),
        ([F, F, F, F, S, F, F, F, F], "closed"),
        ([F, F, F, F, S, F, F, F, F, F], "open"),
        ([F, F, F, F, N, U], "closed"),
        ([F, F, F, F, N, U, F], "open"),
    ],
)
def test_five_failures_in_a_row_open_it(redis_url: str, verdicts: list[Verdict], breaker: str) -> None:
    async def scenario(bench: Bench) -> None:
        for verdict in verdicts:
            await bench.send(verdict)
        assert (await bench.pace.state()).breaker == breaker

    on_a_bench(redis_url, scenario)


async def fail(bench: Bench) -> None:
    """Open the breaker."""
    tokens = await bench.take(bench.limits.failures)
    bench.clock.pass_by(0.1)
    await bench.pace.settle([(token, F) for token in tokens])


def test_an_outage_gives_nothing_out_and_lets_workers_look_every_second(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await fail(bench)
        refused = await bench.refused()
        assert (refused.why, refused.wait) == ("outage", 1.0)
        bench.clock.pass_by(1.5)
        refused = await bench.refused()
        assert (refused.why, refused.wait) == ("outage", 0.475)
        state = await bench.pace.state()
        assert (state.breaker, state.why, state.resumes_in, state.failures) == ("open", "outage", 0.5, 5)

    on_a_bench(redis_url, scenario)


def test_after_the_cool_down_only_the_probes_go_out(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await fail(bench)
        bench.clock.pass_by(2)
        assert len((await bench.pace.acquire(50)).slots) == 2
        refused = await bench.refused()
        assert (refused.why, refused.wait) == ("probing", 0.1)
        assert (await bench.pace.state()).breaker == "probing"

    on_a_bench(redis_url, scenario)


def test_a_probe_departs_no_earlier_than_the_end_of_the_cool_down(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await fail(bench)
        bench.clock.pass_by(1.985)
        (slot,) = (await bench.pace.acquire(1)).slots
        assert slot.departs_in == pytest.approx(0.015)

    on_a_bench(redis_url, scenario)


def test_a_probe_that_succeeds_closes_it(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await fail(bench)
        bench.clock.pass_by(2)
        first, second = await bench.take(2)
        bench.clock.pass_by(0.1)
        await bench.pace.settle([(first, S)])
        await bench.take(8)
        await bench.pace.settle([(second, F)])
        state = await bench.pace.state()
        assert (state.breaker, state.failures, state.why) == ("closed", 1, "")

    on_a_bench(redis_url, scenario)


def test_every_failed_probe_doubles_the_cool_down_up_to_the_longest(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await fail(bench)
        cool_downs = []
        for _ in range(6):
            cool_downs.append((await bench.pace.state()).resumes_in)
            bench.clock.pass_by(cool_downs[-1])
            await bench.send(F)
        assert cool_downs == [2, 4, 8, 16, 30, 30]

    on_a_bench(redis_url, scenario)


def test_a_success_makes_the_next_cool_down_short_again(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await fail(bench)
        bench.clock.pass_by(2)
        await bench.send(F)
        bench.clock.pass_by(4)
        await bench.send(S)
        await fail(bench)
        assert (await bench.pace.state()).resumes_in == 2

    on_a_bench(redis_url, scenario)


def test_both_probes_failing_count_as_one(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await fail(bench)
        bench.clock.pass_by(2)
        probes = await bench.take(2)
        bench.clock.pass_by(0.1)
        await bench.pace.settle([(probe, F) for probe in probes])
        assert (await bench.pace.state()).resumes_in == 4
        bench.clock.pass_by(4)
        await bench.take(2)

    on_a_bench(redis_url, scenario)


@pytest.mark.parametrize("verdict", [F, A, S])
def test_what_departed_before_it_opened_neither_prolongs_nor_ends_an_outage(redis_url: str, verdict: Verdict) -> None:
    async def scenario(bench: Bench) -> None:
        late = await bench.take(3)
        bench.clock.pass_by(0.2)
        await fail(bench)
        await bench.pace.settle([(late[0], verdict)])
        assert (await bench.pace.state()).resumes_in == 2
        bench.clock.pass_by(2)
        await bench.pace.settle([(late[1], verdict)])
        assert (await bench.pace.state()).breaker == "probing"
        assert len((await bench.pace.acquire(9)).slots) == 2

    on_a_bench(redis_url, scenario)


def test_what_departed_before_the_last_outage_does_not_count_towards_the_next(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        late = await bench.take(5)
        bench.clock.pass_by(0.2)
        await fail(bench)
        bench.clock.pass_by(2)
        await bench.send(S)
        await bench.pace.settle([(token, A) for token in late])
        state = await bench.pace.state()
        assert (state.breaker, state.failures) == ("closed", 0)

    on_a_bench(redis_url, scenario)


@pytest.mark.parametrize("verdict", [U, N])
def test_a_probe_that_proves_nothing_is_given_out_again(redis_url: str, verdict: Verdict) -> None:
    async def scenario(bench: Bench) -> None:
        await fail(bench)
        bench.clock.pass_by(2)
        probe, _ = await bench.take(2)
        assert (await bench.refused()).why == "probing"
        bench.clock.pass_by(0.1)
        await bench.pace.settle([(probe, verdict)])
        await bench.take(1)
        assert (await bench.refused()).why == "probing"

    on_a_bench(redis_url, scenario)


def test_probes_of_a_worker_that_died_are_given_out_again(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await fail(bench)
        bench.clock.pass_by(2)
        await bench.take(2)
        bench.clock.pass_by(10)
        assert (await bench.refused()).why == "probing"
        bench.clock.pass_by(0.005)
        await bench.take(2)

    on_a_bench(redis_url, scenario)


def test_a_failure_told_twice_counts_once(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        for verdict, late in ((F, 0.1), (A, 0.1), (F, 40.0), (A, 40.0)):
            (token,) = await bench.take()
            bench.clock.pass_by(late)
            for _ in range(3):
                await bench.pace.settle([(token, verdict)])
        assert (await bench.pace.state()).failures == 4

    on_a_bench(redis_url, scenario)


def test_without_a_quota_it_works_the_same(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.take(900)
        await fail(bench)
        assert (await bench.refused()).why == "outage"
        bench.clock.pass_by(2)
        assert len((await bench.pace.acquire(900)).slots) == 2

    on_a_bench(redis_url, scenario, Limits(quota=0))


def test_after_flushall_it_is_closed(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        await fail(bench)
        await bench.forget()
        await bench.warm_up()
        await bench.take(9)

    on_a_bench(redis_url, scenario)
