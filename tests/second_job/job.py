"""Ordering again as a job: its policy, its replay, its gate, its event-driven path and its tap."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import psycopg
import sqlalchemy as sa

from events import Batch, RunEvent, Subscription, Subscriptions, read
from reconcile import FieldRule, Policy, ReconciliationPlan
from reconcile.replay import RunReplay, Suspect
from shadow import recorder
from shadow.barrier import note_late_events, raise_barrier
from shadow.gate import Gate
from shadow.job import Job
from shadow.outcome import Json, Outcome, Path
from shadow.runs import RUNS, run_subscriptions
from tests.second_job import frozen_reorder
from tests.second_job.stock import TYPES, Rule, Stock, article_of, inputs_of

PARTITIONS = 4
JOB = Job(name="order again", normalise=lambda fields: fields)
EVERYTHING = 10**9

SUSPECTS: Mapping[Suspect, Rule] = {
    Suspect(name="returns", says="does not count what came back"): Rule(counts_returns=False),
    Suspect(name="cancellations", says="does not count cancelled orders"): Rule(counts_cancellations=False),
    Suspect(name="threshold", says="waits until fewer are left"): Rule(short=4),
    Suspect(name="threshold", says="orders while more are left"): Rule(short=6),
    Suspect(name="packs", says="does not know packs of six"): Rule(packs=(12, 1)),
}


@dataclass(frozen=True)
class StockReplay:
    """Replays a run: folds the log up to its barrier anew."""

    connection: sa.Connection
    position: int
    late: Sequence[str]

    def outcomes(self, units: Sequence[str], suspect: Suspect | None = None) -> Mapping[str, Outcome]:
        """What the rule says of these articles, or what it says with this suspect changed."""
        return self._of(units, Stock(SUSPECTS[suspect] if suspect else Rule()), late=())

    def with_late_events(self, units: Sequence[str]) -> Mapping[str, Outcome]:
        """What the rule says if the late events are counted in."""
        return self._of(units, Stock(), late=self.late)

    def _of(self, units: Sequence[str], stock: Stock, late: Sequence[str]) -> Mapping[str, Outcome]:
        logged = read(self.connection, types=TYPES, partition=None, after=0, upto=EVERYTHING, limit=EVERYTHING)
        stock.fold(each.event for each in logged if each.position <= self.position or each.event.event_id in late)
        return {unit: stock.outcome(unit) for unit in units if unit in stock.gone}


class StockReplayer:
    """Replays the runs of this job."""

    suspects: Sequence[Suspect] = tuple(SUSPECTS)

    def of_run(self, connection: sa.Connection, run: str, late: Sequence[str]) -> RunReplay:
        """The replay of one run."""
        position = connection.scalar(sa.text("SELECT position FROM cutover.runs WHERE run = :run"), {"run": run})
        return StockReplay(connection, position or 0, late)


PLAN = ReconciliationPlan(
    job=JOB,
    policy=Policy(
        name="order again",
        fields=(
            FieldRule(field="pieces", show="number"),
            FieldRule(field="packs", show="list", identity="size", ordered=False),
        ),
    ),
    influences={
        "movements": frozenset({"OrderPlaced", "OrderCancelled", "ItemsReturned", "ProductAdded"}),
        "article": frozenset({"ProductAdded", "ProductRetired"}),
    },
    creates=frozenset({"ProductAdded"}),
    eligibility=frozenset({"gone"}),
    replayer=StockReplayer(),
)


def supplying(connection: sa.Connection, run: str, path: Path, outcomes: Sequence[Outcome]) -> None:
    """What acting means to this job: the order to the supplier is written down."""
    rows = [
        {"run": run, "article": each.unit, "path": path, "pieces": each.fields["pieces"]}
        for each in outcomes
        if each.decision == "send"
    ]
    if rows:
        connection.execute(sa.text("INSERT INTO warehouse.supplies VALUES (:run, :article, :path, :pieces)"), rows)


GATE = Gate(JOB, supplying)


def subscriptions(code_version: str, rule: Rule = Rule()) -> Subscriptions:  # noqa: B008 - it never changes
    """The event-driven path: stock is folded from the log, and frozen into outcomes at each barrier."""

    def react(connection: sa.Connection, batch: Batch) -> None:
        stock = _held(connection, rule)
        for each in batch.events:
            if isinstance(each.event, RunEvent):
                GATE(connection, each.event.run, "event_driven", stock.outcomes())
            else:
                stock.fold([each.event])
        kept = msgspec.json.encode(stock.held()).decode()
        connection.execute(sa.text("UPDATE warehouse.held SET stock = CAST(:stock AS jsonb)"), {"stock": kept})

    reorder = Subscription(
        name="reorder", queue="orders", types=TYPES | RUNS, partitioned=False, after=("runs",), reaction=react
    )
    runs, run_ends = run_subscriptions(code_version, last=["reorder"])
    return Subscriptions([runs, reorder, run_ends])


def _held(connection: sa.Connection, rule: Rule) -> Stock:
    """The stock as the checkpoint has it."""
    held = connection.execute(sa.text("SELECT stock FROM warehouse.held")).scalar_one()
    stock = Stock(rule, gone=held.get("gone", {}), orders=held.get("orders", {}))
    stock.on_hand.update(held.get("on_hand", {}))
    return stock


def run_frozen(engine: sa.Engine, run: str, code_version: str, meanwhile: Callable[[], None] = lambda: None) -> int:
    """The tap: the untouched batch over one snapshot, behind the barrier; how many outcomes it came to.

    `meanwhile` happens after the barrier and before the snapshot.
    """
    position, event = raise_barrier(engine, run, PARTITIONS, salt=JOB.name)
    meanwhile()
    with engine.begin() as connection:
        recorder.open_run(connection, event, position)
    with engine.begin() as books:
        recorder.hold(books, run, "legacy")
        recorder.open_path(books, run, "legacy", code_version, JOB.normalisation)
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as snapshot:
            note_late_events(snapshot, books, run, position, unit_of=article_of)
            clerk = Taking(_inputs(snapshot))
            driver = snapshot.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            frozen_reorder.run(driver, clerk)
        recorded = GATE(books, run, "legacy", clerk.outcomes)
        recorder.close_path(books, run, "legacy")
    return recorded


class Taking:
    """Stands where the batch's clerk stood: takes down what it is told, orders nothing."""

    def __init__(self, inputs: Mapping[str, Mapping[str, str]]) -> None:
        self._inputs = inputs
        self.outcomes: list[Outcome] = []

    def order(self, article: str, pieces: int, packs: list[tuple[int, int]]) -> None:
        """Take an order."""
        listed: list[Json] = [{"size": size, "number": number} for size, number in packs]
        taken = Outcome(unit=article, decision="send", fields={"pieces": pieces, "packs": listed})
        self.outcomes.append(replace(taken, inputs=self._inputs[article]))

    def leave(self, article: str, why: str) -> None:
        """Take the decision not to order."""
        self.outcomes.append(Outcome(unit=article, decision="skip", reason=why, inputs=self._inputs[article]))


def _inputs(snapshot: sa.Connection) -> dict[str, dict[str, str]]:
    rows = snapshot.execute(
        sa.text("""
            SELECT a.article, a.gone, coalesce(sum(m.pieces), 0)::int AS on_hand
            FROM warehouse.articles a LEFT JOIN warehouse.movements m USING (article) GROUP BY 1, 2
        """)
    )
    return {row.article: inputs_of(row.on_hand, row.gone) for row in rows}
