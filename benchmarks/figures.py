"""Which benchmarks there are, which of their figures are told, and what is required of them: the one table of it."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A module of this package that prints JSON; `limit` is how many seconds it may take at full size."""

    name: str
    title: str
    limit: int


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What is required of a figure."""

    kind: Literal["at least", "at most", "below"]
    number: float

    def holds(self, value: float) -> bool:
        """Whether `value` is as required."""
        return _COMPARED[self.kind](value, self.number)


_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "at least": operator.ge,
    "at most": operator.le,
    "below": operator.lt,
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number that a benchmark prints. `key` leads to it; a dot goes into an object.

    `short` is what the plot of ratios says of it; without, it is not there. Figures without a `bound` are told for what
    they are.
    """

    benchmark: str
    key: str
    what: str
    unit: str = ""
    bound: Bound | None = None
    short: str = ""

    def of(self, figures: Mapping[str, Any]) -> float | None:
        """Its value among those printed; None if it was not."""
        found: Any = figures
        for step in self.key.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        return None if found is None else float(found)

    def met(self, figures: Mapping[str, Any]) -> bool | None:
        """Whether it is as required; None if nothing is, or if it was not printed."""
        value = self.of(figures)
        return None if value is None or self.bound is None else self.bound.holds(value)


def at_least(number: float) -> Bound:
    """So much or more."""
    return Bound(kind="at least", number=number)


def at_most(number: float) -> Bound:
    """So much or less."""
    return Bound(kind="at most", number=number)


def below(number: float) -> Bound:
    """Less than that."""
    return Bound(kind="below", number=number)


BENCHMARKS = (
    Benchmark(name="monday", title="Monday for 100,000 users", limit=900),
    Benchmark(name="latency", title="From an order to its refreshed list", limit=600),
    Benchmark(name="appending", title="Appending to and reading the log", limit=600),
    Benchmark(name="refresh", title="A changed catalogue among 100,000 users", limit=600),
    Benchmark(name="rebuild", title="All state from the log", limit=600),
    Benchmark(name="reconcile", title="Reconciliation", limit=900),
    Benchmark(name="delivery", title="Sending", limit=900),
    Benchmark(name="webhook", title="The provider's webhook", limit=300),
    Benchmark(name="growth", title="Growth", limit=3600),
)

FIGURES = (
    Figure(
        benchmark="monday",
        key="textbook_ratio",
        what="time of the textbook design, over ours",
        unit="×",
        bound=at_least(10),
        short="Monday, textbook design",
    ),
    Figure(
        benchmark="monday",
        key="textbook_cpu_ratio",
        what="the same in processor seconds",
        unit="×",
        short="– in processor seconds",
    ),
    Figure(
        benchmark="monday",
        key="legacy_ratio",
        what="time of the legacy batch, over ours",
        unit="×",
        bound=at_least(1),
        short="Monday, legacy batch",
    ),
    Figure(
        benchmark="monday",
        key="legacy_cpu_ratio",
        what="the same in processor seconds",
        unit="×",
        short="– in processor seconds",
    ),
    Figure(
        benchmark="monday",
        key="bare_batch_ratio",
        what="time of the batch without tap, which records nothing, over ours",
        unit="×",
        short="Monday, batch without recording",
    ),
    Figure(benchmark="monday", key="event_driven_seconds", what="from the barrier to the last outcome", unit="s"),
    Figure(
        benchmark="monday", key="largest_process_mb", what="memory of the largest process", unit="MB", bound=below(1000)
    ),
    Figure(
        benchmark="latency",
        key="p99_100_ms",
        what="p99 at 100 orders a second",
        unit="ms",
        bound=below(200),
    ),
    Figure(
        benchmark="latency",
        key="p99_100_ratio",
        what="the same over the p99 of a bare Celery round trip",
        unit="×",
        bound=at_most(10),
    ),
    Figure(benchmark="latency", key="p50_100_ms", what="p50 at 100 orders a second", unit="ms"),
    Figure(
        benchmark="latency",
        key="orders_per_second_1000",
        what="placed, where 1,000 were due",
        unit="/s",
        bound=at_least(950),
    ),
    Figure(
        benchmark="latency",
        key="lag_growth_1000",
        what="growth of the lag at 1,000 orders a second, 1 % of them allowed for noise",
        unit="/s",
        bound=at_most(10),
    ),
    Figure(
        benchmark="appending",
        key="single_ratio",
        what="events appended one by one, over `eventsourcing`",
        unit="×",
        bound=at_least(2),
        short="single appends, eventsourcing",
    ),
    Figure(
        benchmark="appending",
        key="bulk_ratio",
        what="events appended in bulk, over `eventsourcing`",
        unit="×",
        bound=at_least(3),
        short="bulk appends, eventsourcing",
    ),
    Figure(
        benchmark="appending",
        key="read_ratio",
        what="events read, over `eventsourcing`",
        unit="×",
        short="reading, eventsourcing",
    ),
    Figure(
        benchmark="refresh",
        key="one_product_ratio",
        what="time of recomputing everybody, over that of one renamed product, the dearest change",
        unit="×",
        bound=at_least(50),
        short="one product renamed",
    ),
    Figure(
        benchmark="refresh",
        key="one_product_at_most",
        what="order lines of all users, over those of that product's buyers, whose lists must be computed anew",
        unit="×",
    ),
    Figure(
        benchmark="refresh",
        key="arriving_ratio",
        what="the ratio for a new product",
        unit="×",
        bound=at_least(50),
        short="a new product",
    ),
    Figure(
        benchmark="refresh",
        key="retired_ratio",
        what="the same for a retired one",
        unit="×",
        bound=at_least(50),
        short="a retired product",
    ),
    Figure(
        benchmark="refresh",
        key="repriced_ratio",
        what="the same for a new price",
        unit="×",
        bound=at_least(50),
        short="a new price",
    ),
    Figure(
        benchmark="refresh",
        key="share_ratio",
        what="the same for a twentieth of the catalogue at once",
        unit="×",
        short="a twentieth of all products",
    ),
    Figure(
        benchmark="refresh",
        key="whole_catalogue_ratio",
        what="the same for the whole catalogue at once",
        unit="×",
        short="all products",
    ),
    Figure(
        benchmark="rebuild",
        key="events_per_second",
        what="events folded a second, from the log to all state",
        unit="/s",
        bound=at_least(30_000),
    ),
    Figure(benchmark="rebuild", key="differing", what="lists that are not as they were, bit for bit", bound=at_most(0)),
    Figure(
        benchmark="reconcile",
        key="deepdiff_ratio",
        what="time of DeepDiff on 100,000 nested pairs, over ours",
        unit="×",
        bound=at_least(50),
        short="nested pairs, DeepDiff",
    ),
    Figure(
        benchmark="reconcile",
        key="datacompy_ratio",
        what="time of datacompy (polars) on 10 million flat pairs, over ours",
        unit="×",
        short="flat pairs, datacompy",
    ),
    Figure(benchmark="reconcile", key="peak_mb", what="memory for 10 million flat pairs", unit="MB"),
    Figure(
        benchmark="reconcile",
        key="recheck_share.10",
        what="reconciling again after 10 units changed, over the first time",
        unit="×",
    ),
    Figure(
        benchmark="delivery",
        key="quota_ratio",
        what="sent a second at a quota of 100, over the quota",
        bound=at_least(0.99),
    ),
    Figure(
        benchmark="delivery",
        key="max_in_any_second",
        what="most e-mails in any one second at a quota of 100",
        bound=at_most(100),
    ),
    Figure(
        benchmark="delivery",
        key="unlimited_per_second",
        what="sent a second without a quota",
        unit="/s",
        bound=at_least(2000),
    ),
    Figure(
        benchmark="webhook",
        key="p99_ms",
        what="answer at 1,000 events/s, p99",
        unit="ms",
        bound=below(100),
    ),
    Figure(benchmark="webhook", key="lost", what="events lost", bound=at_most(0)),
    Figure(
        benchmark="growth",
        key="worst_time_exponent",
        what="worst exponent of time (1 is linear)",
        bound=at_most(1.1),
    ),
    Figure(
        benchmark="growth",
        key="worst_memory_exponent",
        what="worst exponent of memory",
        bound=at_most(1.1),
    ),
    Figure(
        benchmark="growth",
        key="largest_process_mb",
        what="memory of the largest process at the largest size",
        unit="MB",
    ),
)


def figures_of(benchmark: str) -> list[Figure]:
    """Those of one benchmark, in the order they are told."""
    return [figure for figure in FIGURES if figure.benchmark == benchmark]
