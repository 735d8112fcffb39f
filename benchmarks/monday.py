"""One Monday at full size: backfill a shop, then one weekly run on both paths and its reconciliation.

    python -m benchmarks.monday --users 100000 --json

The paths run one after the other, so that each has the machine to itself. The event-driven Monday is counted from the
barrier's commit to the last recorded outcome.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from benchmarks.memory import PeakMemory
from console.connected import reachable
from console.playground import Playground
from console.screen import print_json, say
from runtime.instance import claim
from runtime.settings import Settings
from sandbox.shop.synthetic import synthetic_history

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
RUN = "2026-W47"

Phases = dict[str, dict[str, float]]


def main() -> int:
    """Run it; exit code 1 when the paths do not agree."""
    arguments = parser().parse_args()
    settings = Settings()
    with claim(settings.state_dir, "benchmark"):
        playground = Playground(
            reachable(settings), settings.state_dir, settings.partitions, name="benchmark", workers=arguments.workers
        )
        with playground:
            phases, verdict = monday(
                playground, arguments.users, arguments.products, arguments.lines or 15 * arguments.users, arguments.seed
            )
    result = {
        "users": arguments.users,
        "phases": phases,
        "event_driven_monday_seconds": phases["event_driven"]["seconds"],
        "legacy_monday_seconds": phases["legacy"]["seconds"],
        "reconciled": verdict,
    }
    if arguments.json:
        print_json(result)
    return 0 if verdict["match"] == verdict["pairs"] else 1


def monday(playground: Playground, users: int, products: int, lines: int, seed: int) -> tuple[Phases, dict[str, int]]:
    """All phases, each with seconds and peak memory, and the counts of the reconciliation."""
    phases: Phases = {}
    with phase(phases, "load"):
        history = synthetic_history(users=users, products=products, order_lines=lines, until=MONDAY, seed=seed)
        playground.load(history, lambda _: None)
    with phase(phases, "backfill"):
        playground.backfill(lambda _: None)
    with phase(phases, "fold"):
        playground.settle()
    with phase(phases, "event_driven"):
        playground.barrier(RUN)
        playground.event_driven(RUN)
    with phase(phases, "legacy"):
        playground.legacy(RUN)
    with phase(phases, "reconcile"):
        totals = playground.reconcile(RUN)
    verdict = {name: getattr(totals, name) for name in ("pairs", "match", "explained", "mismatch", "incomplete")}
    return phases, verdict


@contextmanager
def phase(phases: Phases, name: str) -> Iterator[None]:
    """Measure what happens inside under this name."""
    say(f"{name} ...")
    with PeakMemory() as memory:
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
    phases[name] = {"seconds": round(seconds, 2), "peak_mb": round(memory.mb, 1)}
    say(f"  {seconds:.1f} s, {memory.mb:.0f} MB")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.monday", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--users", type=int, default=100_000)
    options.add_argument("--products", type=int, default=5_000)
    options.add_argument("--lines", type=int, help="order lines; default: 15 for every user")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    return options


if __name__ == "__main__":
    sys.exit(main())
