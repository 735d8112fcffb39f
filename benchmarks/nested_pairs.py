"""Nested pairs: outcomes that each hold an e-mail, reconciled, revised and reconciled again, and held to DeepDiff."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median

import sqlalchemy as sa

from benchmarks.memory import PeakMemory
from console.screen import say
from console.weekly_job import PLAN
from reconcile import ReconciliationPlan, Totals, reconcile
from reconcile.comparison import pairs_of
from reconcile.deep import deep_diff
from shadow.outcome import Fields, Json, Outcome, Path
from shadow.recorder import close_path, open_path, open_run, record, revise
from shadow.schedule import run_event

RUN = "2026-11-20"
CODE = "benchmark"
NIGHTLY = replace(PLAN, replayer=None, due=None)
"""The weekly job without its replay, whose time is the job's own."""

Figures = dict[str, object]
PATHS: tuple[Path, Path] = ("legacy", "event_driven")

_SENTENCE = "Picked for you because of what you bought; order until Friday and it is there on Monday. "


def nested_pairs(engine: sa.Engine, pairs: int, sample: int, revised: Sequence[int], *, one_in: int = 100) -> Figures:
    """Record so many pairs, of which one in `one_in` differs, and time all that is done with them."""
    say(f"recording {pairs:,} nested pairs ...")
    record_pairs(engine, pairs, one_in)
    say("reconciling ...")
    with PeakMemory() as memory:
        seconds, totals = timed(engine, NIGHTLY)
    say(f"  {seconds:.2f} s, {totals.mismatch:,} mismatches, {memory.mb:.0f} MB")
    by_deepdiff = deepdiff_seconds(engine, pairs, sample)
    say(f"  DeepDiff on {sample:,} pairs: {by_deepdiff * 1e6 / pairs:.0f} µs a pair, {by_deepdiff:.1f} s for all")
    return {
        "deepdiff_ratio": round(by_deepdiff / seconds, 1),
        "nested_pairs": pairs,
        "nested_mismatches": totals.mismatch,
        "nested_seconds": round(seconds, 3),
        "nested_peak_mb": round(memory.mb, 1),
        "deepdiff_seconds": round(by_deepdiff, 2),
        "deepdiff_extrapolated_from_pairs": sample,
        **rechecked(engine, pairs, revised, seconds),
    }


def rechecked(engine: sa.Engine, pairs: int, revised: Sequence[int], full: float) -> Figures:
    """What reconciling again takes after so many pairs were revised, in milliseconds and as a share of `full`."""
    took: dict[str, float] = {}
    for number in (0, *revised):
        found = [_once_more(engine, pairs, number, turn) for turn in range(3)]
        took[str(number)] = median(found) * 1000
        say(f"  again after {number:,} pairs were revised: {took[str(number)]:.0f} ms")
    return {
        "recheck_ms": {number: round(ms, 1) for number, ms in took.items()},
        "recheck_share": {number: round(ms / 1000 / full, 4) for number, ms in took.items()},
    }


def _once_more(engine: sa.Engine, pairs: int, number: int, turn: int) -> float:
    """Seconds, after both paths came to something new for so many units, and to two things for one in a hundred."""
    units = random.Random(number + turn).sample(range(pairs), number)
    with engine.begin() as connection:
        for path in PATHS:
            outcomes = [
                outcome(unit, f"revised {turn}" if path == "legacy" or place % 100 else f"revised {turn}, differs")
                for place, unit in enumerate(units)
            ]
            revise(connection, NIGHTLY.job, RUN, path, outcomes)
    seconds, _ = timed(engine, NIGHTLY)
    return seconds


def timed(engine: sa.Engine, plan: ReconciliationPlan, run: str = RUN) -> tuple[float, Totals]:
    """Seconds a reconciliation takes, and what it came to."""
    began = time.perf_counter()
    totals = reconcile(engine, run, plan, code_version=CODE)
    return time.perf_counter() - began, totals


def deepdiff_seconds(engine: sa.Engine, pairs: int, sample: int) -> float:
    """What DeepDiff takes for all pairs, extrapolated from `sample` of them; reading and unpacking are not counted."""
    units = [unit_of(number) for number in random.Random(1).sample(range(pairs), min(sample, pairs))]
    with engine.connect() as connection:
        read = [pair for pair in pairs_of(connection, RUN, units).values() if pair.legacy and pair.event_driven]
    both = [
        (dict(pair.legacy.fields), dict(pair.event_driven.fields)) for pair in read if pair.legacy and pair.event_driven
    ]
    began = time.perf_counter()
    for one, other in both:
        deep_diff(one, other)
    return (time.perf_counter() - began) / len(both) * pairs


def record_pairs(engine: sa.Engine, pairs: int, one_in: int) -> None:
    """Both paths' outcomes of a run, by the recorder that the gate uses; one in `one_in` of them differs."""
    with engine.begin() as connection:
        open_run(connection, run_event(RUN), position=1)
    for path in PATHS:
        with engine.begin() as connection:
            open_path(connection, RUN, path, CODE, NIGHTLY.job.normalisation)
            record(connection, NIGHTLY.job, RUN, path, _outcomes(path, pairs, one_in))
            close_path(connection, RUN, path)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE cutover.outcomes"))


def _outcomes(path: Path, pairs: int, one_in: int) -> Iterator[Outcome]:
    for number in range(pairs):
        differs = path == "event_driven" and number % one_in == 0
        yield outcome(number, _DEPARTURES[number // one_in % len(_DEPARTURES)] if differs else "")


_DEPARTURES = ("score", "item", "order", "subject", "html")


def outcome(number: int, departs: str = "") -> Outcome:
    """The e-mail of one user; `departs` says in what it is another one."""
    items: list[Json] = [
        {"product_id": f"p-{(number * 7 + rank * 131) % 5000:04d}", "score": round(0.95 - rank * 0.07, 6)}
        for rank in range(5)
    ]
    if departs == "score":
        items[4] = {"product_id": f"p-{(number * 7 + 4 * 131) % 5000:04d}", "score": 0.5}
    if departs == "item":
        items[4] = {"product_id": "p-other", "score": 0.67}
    if departs == "order":
        items[3], items[4] = items[4], items[3]
    subject = f"Five things for you, {number}" + (f" ({departs})" if departs.startswith(("revised", "subject")) else "")
    fields: Fields = {
        "items": items,
        "subject": subject,
        "html": _html(number, items, "h2" if departs == "html" else "h1"),
        "text": "\n".join([subject, *(f"- {item}" for item in items), _SENTENCE * 3]),
    }
    inputs = {"history": f"{number:016x}", "catalogue": "c" * 16, "profile": f"{number * 31:016x}"}
    return Outcome(
        unit=unit_of(number), decision="send", fields=fields, inputs=inputs, milliseconds=1 + number % 97 / 97
    )


def unit_of(number: int) -> str:
    """The id of a user."""
    return f"user-{number:08d}"


def _html(number: int, items: Sequence[Json], heading: str) -> str:
    rows = "\n".join(
        f'  <tr class="item"><td style="padding:4px"><a href="https://shop.example/p/{item}?u={number}">{item}</a></td>'
        f"<td>{_SENTENCE}</td></tr>"
        for item in (member["product_id"] for member in items if isinstance(member, dict))
    )
    head = f"<html><head><style>td {{color: #333}}</style></head><body><{heading}>Hello</{heading}>"
    return f"{head}\n{rows}\n</body></html>"
