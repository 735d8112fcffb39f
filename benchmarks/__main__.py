"""All benchmarks, one after the other; their figures into benchmarks/results.json, and from it docs/performance.md.

    python -m benchmarks
    python -m benchmarks --only monday growth
    python -m benchmarks --small
    python -m benchmarks --page

A benchmark that fails leaves the figures it had. The exit code is 1 if one failed or missed what is required. At sizes
at which figures mean nothing (--small) they go to the state directory, and the page stays as it is.
"""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import results
from benchmarks.figures import BENCHMARKS, Benchmark
from benchmarks.machine import machine
from benchmarks.performance_page import write_page
from benchmarks.results import RESULTS, Held
from console.connected import reachable
from console.screen import say
from runtime.settings import Settings
from runtime.version import code_version

SMALL_LIMIT = 180
GRACE = 60


def main() -> int:
    """Run what was asked for; exit code 1 if something failed or missed what is required."""
    arguments = parser().parse_args()
    settings = Settings()
    path = settings.state_dir / "small_results.json" if arguments.small else RESULTS
    good = True
    if not arguments.page:
        here = machine(reachable(settings))
        chosen = [each for each in BENCHMARKS if each.name in (arguments.only or [each.name])]
        results.write(results.read(path).on(here), path)
        for benchmark in chosen:
            good &= measure(benchmark, path, small=arguments.small)
    if not arguments.small:
        write_page(results.read(path))
    return 0 if good else 1


def measure(benchmark: Benchmark, path: Path, *, small: bool) -> bool:
    """Run one and keep its figures in the file at `path`; whether it ended well and met what is required."""
    if find_spec(f"benchmarks.{benchmark.name}") is None:
        say(f"{benchmark.name}: there is no such benchmark")
        return False
    say(f"== {benchmark.name}: {benchmark.title}")
    began = time.monotonic()
    code, figures = run(benchmark, small=small)
    seconds = time.monotonic() - began
    if figures is None:
        say(f"== {benchmark.name} failed with exit code {code} after {seconds:.0f} s; its former figures stay")
        return False
    kept = results.read(path).with_figures(benchmark.name, figures, code=code_version(), seconds=seconds)
    results.write(kept, path)
    missed = [] if small else [held for held in kept.benchmarks[benchmark.name].held if not held.met]
    say("\n".join([f"== {benchmark.name} took {seconds:.0f} s", *map(_missed, missed)]))
    return code == 0 and not missed


def run(benchmark: Benchmark, *, small: bool) -> tuple[int | None, Mapping[str, Any] | None]:
    """Its exit code and what it printed; None for a code if it was ended at its limit, None for no figures."""
    command = [sys.executable, "-m", f"benchmarks.{benchmark.name}", "--json", *(["--small"] if small else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            printed, _ = process.communicate(timeout=SMALL_LIMIT if small else benchmark.limit)
        except subprocess.TimeoutExpired:
            # As Ctrl-C does it, so that it stops what it started.
            process.send_signal(signal.SIGINT)
            process.wait(GRACE)
            return None, None
    try:
        return process.returncode, msgspec.json.decode(printed, type=dict[str, Any])
    except msgspec.DecodeError:
        return process.returncode, None


def _missed(held: Held) -> str:
    value = "not printed" if held.value is None else f"{held.value:g}"
    return f"   missed: {held.figure} is {value}, required is {held.required}"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    names = [benchmark.name for benchmark in BENCHMARKS]
    options.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"some of: {', '.join(names)}")
    options.add_argument("--small", action="store_true", help="sizes at which the figures mean nothing")
    options.add_argument("--page", action="store_true", help="measure nothing; make the page of what was measured")
    return options


if __name__ == "__main__":
    sys.exit(main())
