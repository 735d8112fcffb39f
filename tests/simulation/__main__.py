"""python -m tests.simulation: play one seed again, many seeds (a soak), or the table of safeguards.

--seed N [--steps N] [--skip 1-9,12] [--without SAFEGUARD] [--shortest]   one schedule, with its trace
--count N [--from N]                         a soak over all cores; ends with 1 and a trace if anything is violated
--table                                      which seed shows the absence of each safeguard, as docs/simulation.md
"""

import argparse
import signal
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from runtime import servers
from tests.simulation.playing import fleet_on, play, read_steps, shortest
from tests.simulation.safeguards import SAFEGUARDS, Safeguard
from tests.simulation.soak import soak
from tests.simulation.table import table


def main() -> int:
    """0 if everything held."""
    arguments = _parser().parse_args()
    # Told to end, it leaves neither its processes nor its servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="cutover-simulation-", ignore_cleanup_errors=True) as directory:
        state_dir = Path(directory)
        url = servers.start(state_dir).database_url
        try:
            if arguments.table:
                sys.stdout.write(table(url))
                return 0
            if arguments.seed is None:
                return soak(url, first=arguments.first, count=arguments.count, workers=arguments.workers)
            return _one(
                url,
                arguments.seed,
                arguments.steps,
                arguments.skip,
                _named(arguments.without),
                in_short=arguments.shortest,
            )
        finally:
            servers.stop(state_dir)


def _one(
    url: str, seed: int, steps: int | None, skipped: frozenset[int], without: Safeguard | None, *, in_short: bool
) -> int:
    with fleet_on(url, "simulation") as fleet, without.off(fleet.database) if without else nullcontext():
        played = play(fleet, seed, steps=steps, skipped=skipped)
        if in_short and played.violation is not None:
            played = shortest(fleet, played)
    sys.stdout.write(played.report(without.name if without else "") + "\n")
    return 0 if played.violation is None else 1


def _named(name: str | None) -> Safeguard | None:
    return next((each for each in SAFEGUARDS if each.name == name), None)


def steps(text: str) -> frozenset[int]:
    """Steps such as 1-9,12."""
    return read_steps(text)


def number(text: str) -> int:
    """A whole number, not below 0."""
    if int(text) < 0:
        raise ValueError(text)
    return int(text)


def positive(text: str) -> int:
    """A whole number, not below 1."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="play this one, and print its trace")
    parser.add_argument("--steps", type=number, help="only so many steps before everything heals")
    parser.add_argument("--skip", type=steps, default=frozenset(), help="leave these of them out: 1-9,12")
    parser.add_argument("--shortest", action="store_true", help="of a violation: leave out what it can do without")
    parser.add_argument("--without", choices=[each.name for each in SAFEGUARDS], help="switch a safeguard off")
    parser.add_argument("--count", type=positive, default=1000, help="how many seeds to play")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of them")
    parser.add_argument("--workers", type=int, help="processes; as many as there are cores if not given")
    parser.add_argument("--table", action="store_true", help="print the table of safeguards")
    return parser


if __name__ == "__main__":
    sys.exit(main())
