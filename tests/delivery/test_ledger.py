"""The send ledger holds what it promises, whatever workers, provider, users and people do and in whatever order."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.delivery.ledger_machine import Campaign
from tests.delivery.ledgers import own_database


@pytest.fixture(scope="module")
def ledger(postgres_url: str, template_url: str) -> Iterator[sa.Engine]:
    with own_database(postgres_url, template_url) as engine:
        yield engine


def test_I2_I3_one_e_mail_at_most_and_balanced_books_after_anything_that_may_happen(ledger: sa.Engine) -> None:
    class OnThisDatabase(Campaign):
        engine = ledger

    run_state_machine_as_test(OnThisDatabase, settings=settings(max_examples=12, stateful_step_count=35))
