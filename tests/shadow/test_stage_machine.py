"""The stage is what people who may decide it have decided, whatever is told and in whatever order."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis.stateful import run_state_machine_as_test

from tests.delivery.ledgers import own_database
from tests.effort import machine_settings
from tests.shadow.stage_machine import Stages


@pytest.fixture(scope="module")
def log_database(postgres_url: str, template_url: str) -> Iterator[sa.Engine]:
    with own_database(postgres_url, template_url) as engine:
        yield engine


def test_I8_the_stage_moves_forward_only_on_a_sign_off_that_holds(
    log_database: sa.Engine,
) -> None:
    class OnThisDatabase(Stages):
        engine = log_database

    run_state_machine_as_test(OnThisDatabase, settings=machine_settings(20, 15))
