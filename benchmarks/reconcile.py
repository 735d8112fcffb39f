"""Reconciliation held to DeepDiff on nested pairs and to datacompy on flat ones, and a second look to a first one.

    python -m benchmarks.reconcile --json
    python -m benchmarks.reconcile --small --json

Everything lies in the project's own PostgreSQL, in databases that are dropped at the end. Only comparing is timed, not
recording or loading, and all that `reconcile` does counts: its verdicts are stored. DeepDiff has a sample of the pairs,
from which its time for all is extrapolated.
"""

import argparse
import sys

from benchmarks.flat_pairs import DatacompyMissing, flat_pairs, refuse_without_datacompy
from benchmarks.nested_pairs import nested_pairs
from benchmarks.scratch import scratch_database
from console.screen import print_json, say
from runtime import servers
from runtime.instance import claim
from runtime.settings import Settings

WANTED = 50.0
"""How many times faster than DeepDiff on every pair reconciliation has to be."""
SMALL = {"pairs": 2_000, "sample": 200, "flat_pairs": 20_000}
REVISED = (10, 100, 1_000)


def main() -> int:
    """Run it; exit code 1 when reconciliation is not fast enough, 2 when there is nothing to hold it against."""
    arguments = parser().parse_args()
    if arguments.small:
        vars(arguments).update(SMALL)
    try:
        if arguments.flat_pairs:
            refuse_without_datacompy()
    except DatacompyMissing as missing:
        say(str(missing))
        return 2
    settings = Settings()
    with claim(settings.state_dir, "benchmark"):
        server = servers.resolve(settings).database_url
        figures = measure(server, arguments.pairs, arguments.sample, arguments.flat_pairs)
    if arguments.json:
        print_json(figures)
    fast = float(str(figures["deepdiff_ratio"])) >= WANTED
    if not fast:
        say(f"{figures['deepdiff_ratio']} times faster than DeepDiff; {WANTED:g} times is wanted")
    return 0 if fast else 1


def measure(server_url: str, pairs: int, sample: int, flat: int) -> dict[str, object]:
    """All figures; those of flat pairs are left out if there are none."""
    revised = [number for number in REVISED if number <= pairs]
    with scratch_database(server_url, "cutover_benchmark_nested") as engine:
        figures = nested_pairs(engine, pairs, sample, revised)
    if not flat:
        return figures
    with scratch_database(server_url, "cutover_benchmark_flat") as engine:
        return {**figures, **flat_pairs(engine, flat)}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.reconcile", description=(__doc__ or "").splitlines()[0]
    )
    options.add_argument("--pairs", type=int, default=100_000, help="nested pairs")
    options.add_argument("--sample", type=int, default=3_000, help="how many of them DeepDiff compares")
    options.add_argument("--flat-pairs", type=int, default=10_000_000, help="flat pairs; 0 leaves them out")
    options.add_argument("--small", action="store_true", help="a size at which the figures mean nothing")
    options.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    return options


if __name__ == "__main__":
    sys.exit(main())
