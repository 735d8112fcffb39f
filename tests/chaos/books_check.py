"""I2 and I3 after a storm: ledger, log and the stand-in's journal held against each other, run by run."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sandbox.sendgrid.journal import Entry
from tests.chaos.arena import Arena
from tests.chaos.plan import LEASE
from tests.chaos.vitals import Struck
from tests.end_to_end.balance import BECOMES, FINAL

LOOKS_BACK = LEASE + 40.0
"""Seconds from the end of a lease, or of a request, to before it began."""


@dataclass(frozen=True, kw_only=True)
class RunBooks:
    """One run's e-mails by state, and how often the stand-in accepted one for each user."""

    run: str
    planned: int
    states: Mapping[str, int]
    accepted_by_provider: int
    most_for_one_user: int

    @property
    def balanced(self) -> bool:
        """Planned = accepted + failed + suppressed + unconfirmed."""
        return self.planned == sum(self.states.get(state, 0) for state in FINAL)


class BooksCheck:
    """Reads everything once; `runs` are the sums, `wrong` what does not hold."""

    def __init__(self, arena: Arena, runs: Collection[str], fell: Collection[Struck]) -> None:
        self._arena = arena
        self._fell = fell
        self._rows = arena.shop.rows("SELECT * FROM cutover.send_ledger")
        self._users = {row.user_id: row.email for row in arena.shop.rows("SELECT user_id, email FROM shop.users")}
        self._journal = arena.accepted()
        self.runs = [self._books(run) for run in runs]
        self.wrong = [*self._sums(), *self._against_provider(), *self._against_log(), *self._unconfirmed()]

    def _books(self, run: str) -> RunBooks:
        rows = [row for row in self._rows if row.run == run]
        taken = Counter(entry.address for entry in self._journal if run in entry.categories)
        return RunBooks(
            run=run,
            planned=len(rows),
            states=Counter(row.state for row in rows),
            accepted_by_provider=sum(taken.values()),
            most_for_one_user=max(taken.values(), default=0),
        )

    def _sums(self) -> Iterator[str]:
        for books in self.runs:
            if books.planned != len(self._users):
                yield f"I3: run {books.run} planned {books.planned} e-mails for {len(self._users)} users"
            if not books.balanced:
                yield f"I3: run {books.run} does not balance: {dict(books.states)}"
            if books.most_for_one_user > 1:
                yield f"I2: run {books.run}: the provider accepted {books.most_for_one_user} e-mails for one user"
            if books.states.get("failed"):
                yield f"run {books.run}: {books.states['failed']} e-mails failed, and the provider refused none"
        if strangers := {row.run for row in self._rows} - {books.run for books in self.runs}:
            yield f"I3: runs that nobody began: {sorted(strangers)}"

    def _against_provider(self) -> Iterator[str]:
        rows = {row.send_id: row for row in self._rows}
        for entry in self._journal:
            row = rows.get(entry.send_id)
            if row is None:
                yield f"I3: the provider accepted {entry.send_id}, which is in no books"
            elif row.state not in ("accepted", "unconfirmed"):
                yield f"I3: the provider accepted {row.run}/{row.user_id}, which is {row.state}: {row.reason}"
            elif entry.address != self._users[row.user_id] or row.run not in entry.categories:
                yield f"I2: what was accepted for {row.run}/{row.user_id} was another's"
        accepted = {entry.send_id for entry in self._journal}
        for row in self._rows:
            if row.state == "accepted" and row.send_id not in accepted:
                yield f"I3: {row.run}/{row.user_id} is accepted (evidence {row.evidence}), and the provider never did"

    def _against_log(self) -> Iterator[str]:
        """Folding what the log tells of e-mails gives the ledger."""
        told: dict[tuple[str, str], tuple[str, object, object]] = {}
        for event in self._told():
            data: Mapping[str, Any] = event.data
            told[data["run"], data["user_id"]] = (BECOMES[event.type], data.get("evidence"), data.get("reason"))
        held = {(row.run, row.user_id): (row.state, row.evidence, row.reason) for row in self._rows}
        for key in sorted(told.keys() | held.keys()):
            if told.get(key) != held.get(key):
                yield f"I3: the log tells {told.get(key)} of {'/'.join(key)}, the ledger holds {held.get(key)}"

    def _told(self) -> Collection[sa.Row[Any]]:
        statement = "SELECT type, data FROM cutover.events WHERE type = ANY(:types) ORDER BY position"
        return self._arena.shop.rows(statement, types=list(BECOMES))

    def _unconfirmed(self) -> Iterator[str]:
        """Each has a blow that can have cut it off, and the stand-in forgot it or never got it."""
        entries: Mapping[str, list[Entry]] = self._by_send_id()
        for row in self._rows:
            if row.state != "unconfirmed":
                continue
            changed = row.changed_at.timestamp()
            if not self._hit(changed - LOOKS_BACK, changed, {"emails", "stand-in", "PostgreSQL"}):
                yield f"{row.run}/{row.user_id} is unconfirmed ({row.reason}), and nothing was cut off"
            for entry in entries.get(row.send_id, []):
                if not self._hit(entry.at - 1, float("inf"), {"stand-in"}, {"killed", "restarted"}):
                    yield f"{row.run}/{row.user_id} is unconfirmed, though the provider has told that it was accepted"

    def _by_send_id(self) -> Mapping[str, list[Entry]]:
        found: dict[str, list[Entry]] = defaultdict(list)
        for entry in self._journal:
            found[entry.send_id].append(entry)
        return found

    def _hit(self, since: float, until: float, targets: set[str], kinds: set[str] | None = None) -> bool:
        return any(
            struck.blow.target in targets
            and (kinds is None or struck.blow.kind in kinds)
            and struck.wall <= until
            and struck.wall + (struck.over or struck.began) - struck.began >= since
            for struck in self._fell
        )
