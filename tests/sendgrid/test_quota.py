"""Windows that slide, against counting by hand."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox.sendgrid.quota import Quota, SlidingWindow

# Sixteenths add and subtract without rounding.
moments = st.lists(st.integers(0, 400), max_size=80).map(lambda found: sorted(n / 16 for n in found))


def most_by_hand(found: list[float], length: float) -> int:
    return max((sum(start - length < one <= start for one in found) for start in found), default=0)


@given(moments, st.sampled_from([0.25, 1.0, 2.5]))
def test_the_most_in_any_window_is_exact(found: list[float], length: float) -> None:
    window = SlidingWindow(length)
    for moment in found:
        window.add(moment)
    assert window.most == most_by_hand(found, length)


@given(moments, st.integers(1, 5))
def test_a_quota_is_never_exceeded_and_never_refuses_what_fits(found: list[float], limit: int) -> None:
    quota, granted = Quota(limit, 1.0), list[float]()
    for moment in found:
        before = sum(moment - 1.0 < one <= moment for one in granted)
        verdict = quota.ask(moment)
        assert verdict.granted == (before < limit)
        assert verdict.remaining == max(0, limit - before - 1)
        if verdict.granted:
            granted.append(moment)
    assert most_by_hand(granted, 1.0) <= limit


def test_the_wait_is_told_in_whole_seconds_and_at_least_one() -> None:
    quota = Quota(1, 1.0)
    quota.ask(10.0)
    verdict = quota.ask(10.25)
    assert (verdict.granted, verdict.wait, verdict.retry_after()) == (False, 0.75, "1")
    assert quota.headers(verdict, 1000.5)["X-RateLimit-Reset"] == "1001"
    assert quota.ask(11.0).granted
