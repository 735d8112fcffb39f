"""A campaign as a state machine: workers that crash, answers that come late, news in any order, people who decide."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from events import (
    Batch,
    EmailBounced,
    EmailDelivered,
    EmailOpened,
    EmailProcessed,
    EmailSpamReported,
    ProviderEvent,
    UserId,
    UserResubscribed,
    UserUnsubscribed,
    emit,
    sequence_all,
)
from events.log import Recorded
from handlers.delivery import campaign, deadletters, unconfirmed
from handlers.delivery.books import books
from handlers.delivery.ledger import Claim, claim, plan, settle
from handlers.delivery.provider import Accepted, Answer, NotAccepted, Refused, Unconfirmed
from handlers.delivery.settlement import settlement_of
from handlers.delivery.upkeep import end_campaigns, expire_leases
from handlers.tracking.fold import fold
from tests.delivery.ledgers import MONDAY, PARTITIONS, STATES, as_log_tells, refused, states, told_by_log

Key = tuple[str, str]
"""A run and a user."""

WORKERS = 3
some = st.integers(0, 10_000)


@dataclass
class Worker:
    """What a worker process holds in memory."""

    claims: list[Claim] = field(default_factory=list)
    answers: list[tuple[Claim, Answer]] = field(default_factory=list)


class Campaign(RuleBasedStateMachine):
    """Drives the real functions over a real database, beside a provider that remembers whom it accepted mail for."""

    engine: sa.Engine

    def __init__(self) -> None:
        super().__init__()
        name = uuid4().hex[:12]
        self.runs = [f"{name}-1", f"{name}-2"]
        self.users = [f"{name}-u{number}" for number in range(5)]
        self.workers = [Worker() for _ in range(WORKERS)]
        self.late: list[tuple[Claim, Answer]] = []
        self.planned: set[Key] = set()
        self.claimed: Counter[Key] = Counter()
        self.carried: Counter[Key] = Counter()
        self.was_accepted: set[Key] = set()
        self.unwilling: set[str] = set()
        self.halted: set[str] = set()
        self.send_ids: dict[Key, str] = {}
        self.seconds = 0
        self.told: list[ProviderEvent] = []

    @initialize()
    def first_plan(self) -> None:
        self.plan(0, 0, ["event_driven"] * 5)

    @rule(run=some, first=some, paths=st.lists(st.sampled_from(["legacy", "event_driven"]), min_size=1, max_size=5))
    def plan(self, run: int, first: int, paths: list[str]) -> None:
        name = self.runs[run % 2]
        with self.engine.begin() as connection:
            for number, path in enumerate(paths):
                user_id = self.users[(first + number) % 5]
                plan(connection, name, path, [(user_id, None)], partitions=PARTITIONS, send_within=3600.0)
                self.planned.add((name, user_id))

    @rule(worker=some, run=some, limit=st.integers(1, 4))
    def claim_some(self, worker: int, run: int, limit: int) -> None:
        name = self.runs[run % 2]
        with self.engine.begin() as connection:
            found = claim(connection, 0, limit, lease=3600.0, run=name)
        assert not (name in self.halted and (found.claims or found.suppressed))
        for each in found.claims:
            assert each.user_id not in self.unwilling, "claimed although the user wants no mail"
            self.claimed[each.run, each.user_id] += 1
            assert each.attempt == self.claimed[each.run, each.user_id]
            self.send_ids[each.run, each.user_id] = each.send_id
        self.workers[worker % WORKERS].claims += found.claims

    @rule(
        worker=some,
        which=some,
        carried=st.booleans(),
        answer=st.sampled_from([Accepted("m"), NotAccepted("http_503"), Refused("http_400"), Unconfirmed("timeout")]),
    )
    def call(self, worker: int, which: int, carried: bool, answer: Answer) -> None:
        """The provider takes it or not; the answer may be lost on its way, and never contradicts what happened."""
        at = self.workers[worker % WORKERS]
        if not at.claims:
            return
        each = at.claims.pop(which % len(at.claims))
        if isinstance(answer, Accepted) or (isinstance(answer, Unconfirmed) and carried):
            self.carried[each.run, each.user_id] += 1
        at.answers.append((each, answer))

    @rule(worker=some)
    def write_answers_down(self, worker: int) -> None:
        at = self.workers[worker % WORKERS]
        self.write(at.answers)
        at.answers = []

    @rule(worker=some, remembers=st.booleans())
    def crash(self, worker: int, remembers: bool) -> None:
        """What it held is lost; or it only seemed to be dead, and its answers come in later."""
        at = self.workers[worker % WORKERS]
        if remembers:
            self.late += at.answers
        self.workers[worker % WORKERS] = Worker()

    @rule(which=some)
    def answer_late(self, which: int) -> None:
        if self.late:
            self.write([self.late.pop(which % len(self.late))])

    @rule()
    def expire(self) -> None:
        """Long before its lease ends a worker gives a claim back unsent; that, too, may be written down late."""
        for at in self.workers:
            self.late += [(each, NotAccepted("held_too_long")) for each in at.claims]
            at.claims = []
        with self.engine.begin() as connection:
            statement = "UPDATE cutover.send_ledger SET lease_until = '2000-01-01Z' WHERE state = 'sending'"
            connection.execute(sa.text(statement))
            expire_leases(connection)

    @rule()
    def delays_pass(self) -> None:
        with self.engine.begin() as connection:
            statement = "UPDATE cutover.send_ledger SET not_before = NULL WHERE run = ANY(:runs)"
            connection.execute(sa.text(statement), {"runs": self.runs})

    @rule(which=some, kind=st.sampled_from(["processed", "delivered", "opened", "soft", "hard", "spam"]), repeat=some)
    def news(self, which: int, kind: str, repeat: int) -> None:
        """Of any e-mail that was carried, whatever the ledger knows by then; now and then something told before."""
        carried = sorted(key for key, count in self.carried.items() if count)
        if not carried:
            return
        run, user_id = carried[which % len(carried)]
        self.told.append(self.event(kind, run, user_id))
        batch = [self.told[-1], self.told[repeat % len(self.told)]]
        with self.engine.begin() as connection:
            fold(connection, Batch(partition=0, after=0, events=[Recorded(0, event) for event in batch], upto=0))

    @rule(which=some, mail=st.booleans(), logged=st.booleans())
    def change_mind(self, which: int, mail: bool, logged: bool) -> None:
        self.seconds += 1
        user_id = self.users[which % 5]
        kind = UserResubscribed if mail else UserUnsubscribed
        with self.engine.begin() as connection:
            emit(connection, kind(user_id=UserId(user_id), occurred_at=MONDAY + timedelta(seconds=self.seconds)))
        (self.unwilling.discard if mail else self.unwilling.add)(user_id)
        if logged:
            sequence_all(self.engine, PARTITIONS)

    @rule(run=some)
    def pause(self, run: int) -> None:
        with self.engine.begin() as connection:
            if campaign.pause(connection, self.runs[run % 2], by="ann"):
                self.halted.add(self.runs[run % 2])

    @rule(run=some)
    def resume(self, run: int) -> None:
        with self.engine.begin() as connection:
            campaign.resume(connection, self.runs[run % 2])
        self.halted.discard(self.runs[run % 2])

    @rule(run=some)
    def end(self, run: int) -> None:
        """The campaign runs out, its rest is suppressed unless it is paused, and then somebody gives it more time."""
        name = self.runs[run % 2]
        before = states(self.engine, name)
        with self.engine.begin() as connection:
            statement = "UPDATE cutover.campaigns SET send_by = clock_timestamp() WHERE run = :run"
            connection.execute(sa.text(statement), {"run": name})
            assert not claim(connection, 0, 10, lease=1.0, run=name).claims
            end_campaigns(connection)
        after = states(self.engine, name)
        assert after == before if name in self.halted else "planned" not in after.values()
        with self.engine.begin() as connection:
            campaign.extend(connection, name, 3600.0)

    @rule(run=some, send_again=st.booleans())
    def decide(self, run: int, send_again: bool) -> None:
        """A person who looks at the provider's records first, as they are told to."""
        name = self.runs[run % 2]
        with self.engine.begin() as connection:
            asked = [email.user_id for email in unconfirmed.unconfirmed(connection, name)]
            if send_again:
                users = [user_id for user_id in asked if not self.carried[name, user_id]]
                assert unconfirmed.release(connection, name, users, by="ann", why="not in the records") == len(users)
            else:
                users = [user_id for user_id in asked if self.carried[name, user_id]]
                assert unconfirmed.mark_sent(connection, name, users, by="ann", why="in the records") == len(users)

    @rule(run=some)
    def replay(self, run: int) -> None:
        with self.engine.begin() as connection:
            for letters in deadletters.dead_letters(connection, run=self.runs[run % 2]):
                assert deadletters.replay(connection, letters, by="ann", why="mended") == len(letters.user_ids)

    @invariant()
    def test_I2_nobody_is_sent_two(self) -> None:
        assert max(self.carried.values(), default=0) <= 1, self.carried

    @invariant()
    def test_I3_the_books_balance(self) -> None:
        with self.engine.connect() as connection:
            rows = connection.execute(_ROWS, {"runs": self.runs}).all()
        assert {(row.run, row.user_id) for row in rows} == self.planned
        assert len(rows) == len(self.planned)
        accepted = {(row.run, row.user_id) for row in rows if row.state == "accepted"}
        assert accepted >= self.was_accepted, "an e-mail that was accepted is no longer"
        assert all(self.carried[key] for key in accepted), "accepted without the provider"
        assert {(row.run, row.user_id): row.attempt for row in rows if row.attempt} == dict(+self.claimed)
        self.was_accepted = accepted

    def teardown(self) -> None:
        assert refused(self.engine) == []
        for run in self.runs:
            held = states(self.engine, run)
            with self.engine.connect() as connection:
                found = books(connection, run)
            assert found.states == {state: list(held.values()).count(state) for state in STATES}
            assert found.total == len([key for key in self.planned if key[0] == run])
            assert told_by_log(self.engine, run) == as_log_tells(self.engine, run)

    def write(self, answers: list[tuple[Claim, Answer]]) -> None:
        with self.engine.begin() as connection:
            settle(connection, [(each, settlement_of(answer, each.attempt)) for each, answer in answers])

    def event(self, kind: str, run: str, user_id: str) -> ProviderEvent:
        self.seconds += 1
        send_id, at = self.send_ids[run, user_id], MONDAY + timedelta(seconds=self.seconds)
        match kind:
            case "processed":
                return EmailProcessed(run=run, user_id=user_id, send_id=send_id, occurred_at=at)
            case "delivered":
                return EmailDelivered(run=run, user_id=user_id, send_id=send_id, occurred_at=at)
            case "opened":
                return EmailOpened(run=run, user_id=user_id, send_id=send_id, occurred_at=at, machine=True)
            case "spam":
                self.unwilling.add(user_id)
                return EmailSpamReported(run=run, user_id=user_id, send_id=send_id, occurred_at=at)
            case _:
                if kind == "hard":
                    self.unwilling.add(user_id)
                return EmailBounced(
                    run=run, user_id=user_id, send_id=send_id, occurred_at=at, permanent=kind == "hard", code="5.1.1"
                )


_ROWS = sa.text("SELECT run, user_id, state, attempt FROM cutover.send_ledger WHERE run = ANY(:runs)")
