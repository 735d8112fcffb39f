"""Sending a run to its end from the command line: what `legacy-run` does after the batch, with or without workers."""

import time
from datetime import UTC, datetime

from console.books import one_line
from console.keys import unsubscribe_links
from console.screen import Advance, Screen
from console.sending import Sending
from console.wiring import System
from events import sequence_all
from handlers.delivery.books import Books, books
from handlers.delivery.upkeep import due_partitions, end_campaigns, expire_leases
from runtime.settings import Settings

SLICE = 1.0
"""Seconds for which one partition is sent before the next one has its turn."""
PAUSE = 0.5
"""Seconds between two looks where nothing is due: others are sending it, the provider is out, or a person paused."""
SAY_EVERY = 15.0


def send_run(system: System, settings: Settings, run: str, screen: Screen) -> Books:
    """Send what is planned for a run, beside any workers that do the same, until nothing is left; its books.

    Interrupted, it is started again, or left to the workers: what was accepted stays accepted.
    """
    sending = system.sending(unsubscribe_links(settings, system.delivery))
    try:
        with screen.working(f"Sending {run}", _books(system, run).total) as progress:
            return _send(system, sending, run, progress, screen)
    finally:
        sending.close()


def _send(system: System, sending: Sending, run: str, progress: Advance, screen: Screen) -> Books:
    said = time.monotonic()
    while (now := _books(system, run)).open:
        progress(now.total - now.open)
        if time.monotonic() - said > SAY_EVERY:
            screen.line(one_line(now, datetime.now(UTC)))
            said = time.monotonic()
        if not _send_what_is_due(system, sending, run):
            time.sleep(PAUSE)
        # Whether or not a relay runs: what is told gets logged, what was rolled back follows, what has run out ends.
        sequence_all(system.engine, system.partitions)
        with system.engine.begin() as connection:
            system.rollback.follow(connection)
            expire_leases(connection)
            end_campaigns(connection)
    return now


def _send_what_is_due(system: System, sending: Sending, run: str) -> bool:
    with system.engine.connect() as connection:
        partitions = due_partitions(connection)
    settled = 0
    for partition in partitions:
        settled += sum(sending.send(partition, seconds=SLICE, run=run).settled.values())
    return settled > 0


def _books(system: System, run: str) -> Books:
    with system.engine.connect() as connection:
        return books(connection, run)
