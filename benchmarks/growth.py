"""Growth: the same phases in shops of several sizes, and how time and memory grow with the number of users.

    python -m benchmarks.growth --json
    python -m benchmarks.growth --sizes 10000,100000 --json

Products stay as many as they are, and so do order lines a user. An exponent is log(ratio of time) / log(ratio of users)
between the two largest sizes: 1 is linear. It is told of seconds on the clock, of processor seconds of all processes,
PostgreSQL's included, and of the memory of the largest process. What is held to linear are the processor seconds, which
do not depend on what else the machine does, and the memory.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import msgspec

from benchmarks.phases import Phases
from benchmarks.shop import MONDAY, RUN, Size, load_shop
from console.connected import reachable
from console.playground import Playground
from console.screen import print_json, say
from runtime.instance import claim
from runtime.settings import Settings
from sandbox.shop.catalogue import add_product

SIZES = (10_000, 100_000, 1_000_000)
SMALL_SIZES = (500, 1_000)
LINES_A_USER = 5
PRODUCTS = 5_000
WORKERS = 2
PATIENCE = 7200.0
MEASURES = ("seconds", "cpu_seconds", "largest_process_mb")
NOT_HELD = ("load",)
"""What only makes the shop."""

BySize = Mapping[str, Mapping[str, dict[str, Any]]]
"""Measures by phase and number of users."""


def main() -> int:
    """Run it; exit code 1 when a path did not come to the same as the other at some size."""
    arguments = parser().parse_args()
    sizes = SMALL_SIZES if arguments.small else sorted(int(size) for size in arguments.sizes.split(","))
    if arguments.one:
        print_json(measured(arguments.one))
        return 0
    result = figures({size: _by_itself(size) for size in sizes})
    if arguments.json:
        print_json(result)
    return 0


def measured(users: int) -> dict[str, dict[str, object]]:
    """All phases in a shop of this size."""
    settings = Settings()
    with claim(settings.state_dir, "benchmark"):
        servers = reachable(settings)
        phases = Phases((servers.postgres_pid, servers.valkey_pid))
        with Playground(
            servers, settings.state_dir, settings.partitions, name="benchmark", workers=WORKERS, patience=PATIENCE
        ) as playground:
            run_phases(playground, users, phases)
    return phases.as_figures()


def run_phases(playground: Playground, users: int, phases: Phases) -> None:
    """From empty tables to a product that comes after the run was compared."""
    with phases.measured("load"):
        size = Size(users=users, products=PRODUCTS, order_lines=LINES_A_USER * users)
        load_shop(playground.system.servers.database_url, size)
    with phases.measured("backfill_and_fold"):
        # One phase: the workers fold what the backfill has told, and how much of it before it ends is chance.
        playground.backfill(lambda _: None)
        playground.settle()
    with phases.measured("event_driven"):
        playground.barrier(RUN)
        playground.event_driven(RUN)
    with phases.measured("legacy"):
        playground.legacy(RUN, noise=0)
    with phases.measured("reconcile"):
        totals = playground.reconcile(RUN)
    if totals.match != users:
        raise SystemExit(f"{users - totals.match:,} of {users:,} pairs do not match")
    with phases.measured("refresh"):
        with playground.engine.begin() as connection:
            add_product(connection, "newcomer", "Enamel Lantern With Garden Roses Blue", 1205, MONDAY)
        playground.settle()


def figures(by_size: Mapping[int, Mapping[str, dict[str, Any]]]) -> dict[str, object]:
    """What is printed: all measures, and the exponents of all phases."""
    sizes = sorted(by_size)
    phases = {
        phase: {str(size): by_size[size][phase] for size in sizes if phase in by_size[size]}
        for phase in by_size[sizes[-1]]
    }
    exponents = {phase: _exponents(sizes, measures) for phase, measures in phases.items()}
    held = {phase: found for phase, found in exponents.items() if phase not in NOT_HELD}
    slowest = max(held, key=lambda phase: held[phase]["cpu_seconds"])
    fattest = max(held, key=lambda phase: held[phase]["largest_process_mb"])
    return {
        "sizes": sizes,
        "order_lines_a_user": LINES_A_USER,
        "products": PRODUCTS,
        "worst_time_exponent": held[slowest]["cpu_seconds"],
        "worst_time_phase": slowest,
        "worst_memory_exponent": held[fattest]["largest_process_mb"],
        "worst_memory_phase": fattest,
        "largest_process_mb": max(phases[phase][str(sizes[-1])]["largest_process_mb"] for phase in held),
        "exponents": exponents,
        "phases": phases,
    }


def _exponents(sizes: Sequence[int], measures: Mapping[str, dict[str, Any]]) -> dict[str, float]:
    if len(sizes) < 2:
        return dict.fromkeys(MEASURES, 0.0)
    less, more = sizes[-2:]
    return {name: exponent(more / less, measures[str(more)][name], measures[str(less)][name]) for name in MEASURES}


def exponent(ratio: float, more: float, less: float) -> float:
    """The power of `ratio` that leads from `less` to `more`; 0 where there is nothing to tell."""
    return round(log(more / less) / log(ratio), 2) if more > 0 < less else 0.0


def _by_itself(users: int) -> dict[str, dict[str, Any]]:
    """Measure one size in a process of its own, so that no size finds the memory of another."""
    say(f"{users:,} users:")
    command = [sys.executable, "-m", "benchmarks.growth", "--one", str(users)]
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if printed.returncode:
        raise SystemExit(f"measuring {users:,} users ended with exit code {printed.returncode}")
    return msgspec.json.decode(printed.stdout, type=dict[str, dict[str, Any]])


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of users; default: %(default)s")
    options.add_argument("--small", action="store_true", help="sizes at which the figures mean nothing")
    options.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    return options


if __name__ == "__main__":
    sys.exit(main())
