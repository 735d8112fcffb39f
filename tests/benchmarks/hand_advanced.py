"""A playground without processes: what relay and workers do is done by hand, in the test's own process."""

from console.playground import Playground
from console.screen import Advance
from events import advance_to_end, lagging, sequence_all


class HandAdvanced(Playground):
    """Settles by sequencing and by advancing whatever lags, until nothing does."""

    def settle(self, progress: Advance = lambda _: None) -> None:
        sequence_all(self.engine, self.system.partitions)
        while True:
            with self.engine.connect() as connection:
                behind = lagging(connection, self.system.subscriptions)
            progress(len(behind))
            if not behind:
                return
            for nudge in behind:
                advance_to_end(self.engine, self.system.subscriptions, nudge.subscription, nudge.partition)

    def event_driven(self, run: str) -> None:
        self.settle()
        super().event_driven(run)

    def _start_processes(self) -> None:
        """There are none."""
