"""The migration as a state machine: people come and go, sign rightly and wrongly, move, pause, drill and repeat it."""

from datetime import UTC, datetime, timedelta

import msgspec
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from events import (
    CanaryPaused,
    CanaryResumed,
    DrillRecorded,
    Event,
    RoleGranted,
    RoleRevoked,
    RunRolledBack,
    SignedOff,
    StageChanged,
    emit,
    sequence,
)
from events.stage_events import Role
from shadow.history import migration
from shadow.sign_off import UNSIGNED, signed
from shadow.signing import new_token, public_key
from shadow.stage import standing_of
from tests.shadow.plain_migration import Model, Signature, Spot

PARTITIONS = 1
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
LONG_AGO, FAR_OFF = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
TOKENS = [new_token() for _ in range(3)]

SPOTS: list[Spot] = [
    ("legacy", 0.0),
    ("shadow", 0.0),
    ("canary", 5.0),
    ("canary", 25.0),
    ("event_driven", 0.0),
    ("retired", 0.0),
]
FAULTS = [
    *[""] * 2,
    *("role too low", "another's token", "altered", "expired", "another move", "another report"),
    *("promoted since", "revoked", "demoted", "another token since", "spent", "none named"),
]

people = st.sampled_from(["ada", "ben"])
roles: st.SearchStrategy[Role] = st.sampled_from(["viewer", "operator", "approver", "approver"])
tokens = st.integers(0, 2)
spots = st.sampled_from(SPOTS)
reports = st.sampled_from(["a" * 64, "a" * 64, "b" * 64])
some = st.integers(0, 1000)


class Stages(RuleBasedStateMachine):
    """Tells the real log, and holds the real history to the model."""

    engine: sa.Engine

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.events: list[Event] = []
        self.refused = 0
        self.tried = False

    @initialize()
    def begin(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            connection.execute(sa.text("TRUNCATE cutover.events, cutover.outbox, cutover.refused_events"))

    @rule(person=people, role=roles, token=tokens)
    def grant(self, person: str, role: Role, token: int) -> None:
        key = public_key(TOKENS[token])
        self.tell(RoleGranted(person=person, role=role, public_key=key, by="root", why="x", occurred_at=self.now()))
        self.model.people[person] = (role, token)

    @rule(person=people)
    def revoke(self, person: str) -> None:
        self.tell(RoleRevoked(person=person, by="root", why="left", occurred_at=self.now()))
        self.model.people.pop(person, None)

    @rule(
        person=people,
        token=tokens,
        spot=spots,
        report=reports,
        expired=st.sampled_from([False, False, False, True]),
        altered=st.sampled_from([False, False, False, True]),
    )
    def sign(self, person: str, token: int, spot: Spot, report: str, expired: bool, altered: bool) -> None:
        self.signed(person, token, spot, report, expired=expired, altered=altered)

    @rule(spot=spots, report=reports, which=st.lists(some, max_size=3))
    def move(self, spot: Spot, report: str, which: list[int]) -> None:
        ids = list(self.model.signatures) or ["SignedOff:nobody@never"]
        self.change(spot, report, [ids[number % len(ids)] for number in which])

    @precondition(lambda self: not self.tried)
    @rule(person=people, token=tokens, faults=st.permutations(FAULTS))
    def move_on(self, person: str, token: int, faults: list[str]) -> None:
        """Every fault once, in any order, and between them as it should be done."""
        self.tried = True
        for fault in faults:
            self.attempt(person, token, fault)
            self.I8_the_history_is_what_the_model_says()

    @rule(until=st.sampled_from(["", "2026-W49", "2026-W51"]))
    def pause(self, until: str) -> None:
        self.tell(CanaryPaused(by="ada", why="freeze", until_run=until, occurred_at=self.now()))
        self.model.paused_until = until

    @rule()
    def resume(self) -> None:
        self.tell(CanaryResumed(by="ada", why="on", occurred_at=self.now()))
        self.model.paused_until = None

    @rule(passed=st.booleans())
    def drill(self, passed: bool) -> None:
        """A run is rolled back, and what came of it is told; the stage stays as it is."""
        run = f"run-{self.model.told}"
        self.tell(RunRolledBack(run=run, drill=True, by="ada", why="drill", occurred_at=self.now()))
        self.tell(DrillRecorded(run=run, passed=passed, moved=3, by="ada", why="drill", occurred_at=self.now()))
        self.model.drilled = passed

    @rule(which=some, contradict=st.booleans())
    def repeat(self, which: int, contradict: bool) -> None:
        """What was told before is told again, or told differently: neither changes anything."""
        if self.events:
            event = self.events[which % len(self.events)]
            self.refused += contradict
            self.log(msgspec.structs.replace(event, why="no, because") if contradict else event)

    @invariant()
    def I8_the_history_is_what_the_model_says(self) -> None:
        with self.engine.connect() as connection:
            found = migration(connection)
        model = self.model
        assert (found.here.stage, found.here.percent) == model.spot
        assert found.change.position == model.changed
        assert {name: (each.role, each.key) for name, each in found.people.items()} == {
            name: (role, public_key(TOKENS[token])) for name, (role, token) in model.people.items()
        }
        assert [given.sign_off.event_id for given in found.sign_offs] == list(model.signatures)
        assert len(found.ignored) == model.ignored
        assert (found.pause.until_run if found.pause else None) == model.paused_until
        assert (found.drill.passed if found.drill else None) == model.drilled
        for run in ("2026-W48", "2026-W49", "2026-W51"):
            assert standing_of(found).percent_for(run) == self.share(run)

    def teardown(self) -> None:
        with self.engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM cutover.refused_events")) == self.refused

    def attempt(self, person: str, token: int, fault: str) -> None:
        """To move on to the next spot as it should be done, but for one fault."""
        spot = SPOTS[min(SPOTS.index(self.model.spot) + 1, len(SPOTS) - 1)]
        report = "a" * 64
        self.grant(person, "operator" if fault in ("role too low", "promoted since") else "approver", token)
        rests_on = self.signed(
            person,
            (token + 1) % 3 if fault == "another's token" else token,
            SPOTS[0] if fault == "another move" else spot,
            "b" * 64 if fault == "another report" else report,
            expired=fault == "expired",
            altered=fault == "altered",
        )
        if fault == "revoked":
            self.revoke(person)
        elif fault == "promoted since":
            self.grant(person, "approver", token)
        elif fault == "demoted":
            self.grant(person, "viewer", token)
        elif fault == "another token since":
            self.grant(person, "approver", (token + 1) % 3)
        elif fault == "spent":
            self.change(self.model.spot, report, [])
        self.change(spot, report, [] if fault == "none named" else [rests_on])

    def signed(
        self, person: str, token: int, spot: Spot, report: str, *, expired: bool = False, altered: bool = False
    ) -> str:
        sign_off = SignedOff(
            person=person,
            report=report,
            code_version="1",
            policy="p",
            configuration="c",
            stage=spot[0],
            percent=spot[1],
            expires_at=LONG_AGO if expired else FAR_OFF,
            why="clean",
            signature=UNSIGNED,
            occurred_at=self.now(),
        )
        sign_off = signed(sign_off, TOKENS[token])
        if altered:
            sign_off = msgspec.structs.replace(sign_off, why="cleaner")
        self.tell(sign_off)
        held = self.model.people.get(person)
        genuine = held is not None and held[1] == token and not altered
        self.model.signatures[sign_off.event_id] = Signature(
            person, spot, report, genuine, expired, held, self.model.told
        )
        return sign_off.event_id

    def change(self, spot: Spot, report: str, named: list[str]) -> None:
        self.tell(
            StageChanged(
                stage=spot[0],
                percent=spot[1],
                report=report if named else "",
                sign_offs=tuple(named),
                by="ada",
                why="ready",
                occurred_at=self.now(),
            )
        )
        self.model.move(spot, named, report)

    def share(self, run: str) -> float:
        """How many of 100 users the event-driven path owns in a run that begins now."""
        stage, percent = self.model.spot
        until = self.model.paused_until
        if stage == "canary":
            return 0.0 if until is not None and (until == "" or run < until) else percent
        return 100.0 if stage in ("event_driven", "retired") else 0.0

    def now(self) -> datetime:
        return AT + timedelta(seconds=self.model.told)

    def tell(self, event: Event) -> None:
        self.log(event)
        self.events.append(event)
        self.model.told += 1

    def log(self, event: Event) -> None:
        with self.engine.begin() as connection:
            emit(connection, event)
        sequence(self.engine, PARTITIONS)
