"""The low-water mark of the outbox: up to which id there is nothing left, and never will be.

Sequenced rows are deleted, but PostgreSQL can clear them away only when no snapshot is older: while a backup, a report
or a backfill runs they stay in the index, and whoever looks for the first row goes through all of them, again and
again. Looking above the mark costs the same however many there are.
"""

import sqlalchemy as sa

STARTS_OVER = 60
"""Looks after which it starts over: whatever was overlooked, for a reason that nobody thought of, waits no longer."""


class LowWater:
    """Raises its `mark` with each look, as far as is certain.

    Ids are given out before they are committed, so that a lower one may yet appear. Only somebody who holds the outbox
    for writing at that moment can have been given one: when all of those are done, nothing up to the highest id of that
    moment is still to come.
    """

    def __init__(self) -> None:
        self.start_over()

    def start_over(self) -> None:
        """Look from the first id again: what is remembered may be of another server, or of ids that come again."""
        self.mark = 0
        self._next = 0
        self._writers: frozenset[str] = frozenset()
        self._looks = 0

    def look(self, connection: sa.Connection) -> None:
        """Raise the mark; to be called now and then, on a connection that sees what others commit meanwhile."""
        given_out, open_by = connection.execute(_WRITERS).one()
        writers = frozenset(open_by)
        if given_out < self._next or self._looks >= STARTS_OVER:
            self.start_over()
        self._looks += 1
        if self._writers.isdisjoint(writers):
            if self.mark < self._next:
                left = connection.scalar(_LEFT, {"after": self.mark, "upto": self._next})
                self.mark = self._next if left is None else left - 1
            self._next, self._writers = given_out, writers


_WRITERS = sa.text("""
    SELECT given_out, ARRAY(
        SELECT virtualtransaction FROM pg_locks
        WHERE given_out >= 0 AND relation = CAST('cutover.outbox' AS regclass) AND mode = 'RowExclusiveLock' AND granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS open_by
    FROM (SELECT CAST(pg_get_serial_sequence('cutover.outbox', 'id') AS regclass) AS sequence) AS ids
    CROSS JOIN LATERAL coalesce(
        CASE WHEN has_sequence_privilege(sequence, 'USAGE, SELECT') THEN pg_sequence_last_value(sequence) END, 0
    ) AS given_out
""")
"""In this order, as the list depends on the number: whoever is given an id has opened the outbox before.

Who may not ask the sequence gets 0, and looks from the start as before.
"""

_LEFT = sa.text("SELECT id FROM cutover.outbox WHERE id > :after AND id <= :upto ORDER BY id LIMIT 1")
