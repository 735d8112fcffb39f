"""The recorder test cases that the `eventsourcing` library ships for its own stores, run against our log.

Its tracking and process recorder cases are left out: there whoever processes says which position is done, and is
refused if it is told twice or too late. Here nobody can say one: `advance` goes on from where the checkpoint stands.
"""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from eventsourcing.tests import persistence as theirs

from events import fix_partitions
from tests.peers.log_recorder import PARTITIONS, LogAggregateRecorder, LogApplicationRecorder


class OnOurLog:
    """Gives each case a log of its own."""

    engine: sa.Engine

    @pytest.fixture(autouse=True)
    def _log(self, database: sa.Engine) -> Iterator[None]:
        with database.begin() as connection:
            fix_partitions(connection, PARTITIONS)
        self.engine = database
        before = set(threading.enumerate())
        yield
        # A case tells its reading threads to stop and does not wait for them; the database must outlive them.
        for thread in set(threading.enumerate()) - before:
            thread.join(timeout=60)


class TestAggregateRecorder(OnOurLog, theirs.AggregateRecorderTestCase):
    def create_recorder(self) -> LogAggregateRecorder:
        return LogAggregateRecorder(self.engine)


class TestApplicationRecorder(OnOurLog, theirs.ApplicationRecorderTestCase[LogApplicationRecorder]):
    def create_recorder(self) -> LogApplicationRecorder:
        return LogApplicationRecorder(self.engine)

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingNotificationIDs(OnOurLog, theirs.NonInterleavingNotificationIDsBaseCase):
    """Positions follow the order of emission, so batches emitted at once may mingle: who minds takes a lock first."""

    def create_recorder(self) -> LogApplicationRecorder:
        return LogApplicationRecorder(self.engine, batches_together=True)
