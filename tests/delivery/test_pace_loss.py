"""What the pace does when Redis has lost its data, or its clock is set back."""

from handlers.delivery.pace import Limits, Verdict
from tests.delivery.paces import WARM_UP, Bench, on_a_bench


def test_without_a_state_nothing_is_given_out_until_what_was_sent_is_over(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        refused = await bench.refused()
        assert (refused.why, refused.wait) == ("warming_up", 1.0)
        state = await bench.pace.state()
        assert (state.why, state.resumes_in) == ("warming_up", WARM_UP)
        bench.clock.pass_by(WARM_UP - 0.025 - 0.001)
        refused = await bench.refused()
        assert (refused.why, refused.wait) == ("warming_up", 0.001)
        bench.clock.pass_by(0.001)
        await bench.take()

    on_a_bench(redis_url, scenario, warm=False)


def test_a_verdict_that_comes_first_after_flushall_does_not_cut_the_warm_up_short(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        (token,) = await bench.take()
        await bench.forget()
        await bench.pace.settle([(token, Verdict.SUCCESS)])
        assert (await bench.refused()).why == "warming_up"

    on_a_bench(redis_url, scenario)


def test_an_answer_after_flushall_takes_a_place_in_the_window(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        (late,) = await bench.take()
        await bench.forget()
        await bench.warm_up()
        await bench.pace.settle([(late, Verdict.SUCCESS)])
        assert (await bench.refused()).why == "quota"
        bench.clock.pass_by(1)
        await bench.take()

    on_a_bench(redis_url, scenario, Limits(quota=1))


def test_a_clock_that_is_set_back_stops_nothing(redis_url: str) -> None:
    async def scenario(bench: Bench) -> None:
        first = await bench.take(3)
        bench.clock.pass_by(-3600)
        await bench.pace.settle([(token, Verdict.SUCCESS) for token in first])
        assert (await bench.refused()).wait == 0.975
        bench.clock.pass_by(0.975)
        await bench.take(3)

    on_a_bench(redis_url, scenario, Limits(quota=3))
