"""The pace keeps the quota and loses no slot, whatever workers, provider and Redis do."""

from hypothesis.stateful import run_state_machine_as_test

from tests.delivery.pace_machine import PaceMachine
from tests.effort import machine_settings


def test_I5_the_quota_is_kept_and_no_slot_is_lost_whatever_becomes_of_verdicts_and_data(redis_url: str) -> None:
    url = redis_url

    class OnThisServer(PaceMachine):
        redis_url = url

    run_state_machine_as_test(OnThisServer, settings=machine_settings(25, 25))
