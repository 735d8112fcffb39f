"""Log and advance keep what they promise, whatever is done to them and in whatever order."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis.stateful import run_state_machine_as_test

from tests.delivery.ledgers import own_database
from tests.effort import machine_settings
from tests.events import advance_machine, log_machine


@pytest.fixture(scope="module")
def log_database(postgres_url: str, template_url: str) -> Iterator[sa.Engine]:
    with own_database(postgres_url, template_url, partitions=log_machine.PARTITIONS) as engine:
        yield engine


def test_I1_the_log_holds_each_committed_fact_once_and_readers_see_them_all_in_order(log_database: sa.Engine) -> None:
    class OnThisDatabase(log_machine.Log):
        engine = log_database

    run_state_machine_as_test(OnThisDatabase, settings=machine_settings(20, 30))


def test_I4_effects_happen_once_in_order_and_never_ahead_of_what_they_follow(log_database: sa.Engine) -> None:
    class OnThisDatabase(advance_machine.Advance):
        engine = log_database

    run_state_machine_as_test(OnThisDatabase, settings=machine_settings(15, 30))
