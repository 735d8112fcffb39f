"""The two clocks."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from runtime.clock import Clock, ManualClock, SystemClock

START = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock(START)])
def test_every_clock_tells_an_aware_time_in_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


def test_a_manual_clock_stands_still_until_it_is_advanced() -> None:
    clock = ManualClock(START)
    assert clock.now() == clock.now() == START
    clock.advance(90)
    assert clock.now() == START + timedelta(seconds=90)
    assert clock.monotonic() == 90


def test_sleeping_advances_a_manual_clock() -> None:
    clock = ManualClock(START)
    clock.sleep(0.5)
    clock.sleep(-1)
    assert clock.monotonic() == 0.5


def test_a_manual_clock_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="seconds is -1"):
        ManualClock(START).advance(-1)


def test_a_manual_clock_refuses_a_naive_start() -> None:
    with pytest.raises(ValueError, match="aware"):
        ManualClock(START.replace(tzinfo=None))


def test_a_manual_clock_tells_utc_whatever_zone_it_started_in() -> None:
    clock = ManualClock(START.astimezone(timezone(timedelta(hours=5))))
    assert clock.now().isoformat() == "2026-11-16T09:00:00+00:00"


def test_the_system_clock_does_not_sleep_for_a_negative_time() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(-5)
    assert clock.monotonic() - before < 1
