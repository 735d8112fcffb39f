"""One Monday at full size: the event-driven path, the legacy batch, and the textbook design over the same shop.

    python -m benchmarks.monday --json
    python -m benchmarks.monday --small --json

They run one after the other, so that each has the machine to itself. Timed is: recommend, compose and record for
every user; nothing is sent. The event-driven Monday counts from the barrier's commit to the last recorded outcome; the
legacy one is the whole batch behind its tap, without the tap's second look for noise. The bare batch is the same script
with a mailer that forgets, so that it records nothing. The textbook one counts from beat's task to the last e-mail
recorded, for a sample of the users, whose time a user is taken for that of everybody. Each `..._ratio` says how many
times as long as the event-driven Monday that one takes.
"""

import argparse
import sys

from benchmarks.bare_batch import bare_batch
from benchmarks.phases import Phases
from benchmarks.shop import RUN, Size, load_shop
from benchmarks.textbook_monday import Textbook, textbook_monday
from console.connected import reachable
from console.playground import Playground
from console.screen import print_json
from reconcile import Totals
from runtime.instance import claim
from runtime.settings import Settings

SMALL = {"users": 1_000, "products": 500, "textbook_users": 200}
LINES_A_USER = 15
PATIENCE = 3600.0


def main() -> int:
    """Run it; exit code 1 when the three did not come to the same."""
    arguments = parser().parse_args()
    if arguments.small:
        vars(arguments).update(SMALL)
    size = Size(
        users=arguments.users,
        products=arguments.products,
        order_lines=arguments.lines or LINES_A_USER * arguments.users,
        seed=arguments.seed,
    )
    settings = Settings()
    with claim(settings.state_dir, "benchmark"):
        servers = reachable(settings)
        phases = Phases((servers.postgres_pid, servers.valkey_pid))
        playground = Playground(
            servers,
            settings.state_dir,
            settings.partitions,
            name="benchmark",
            workers=arguments.workers,
            patience=PATIENCE,
        )
        with playground:
            totals = both_paths(playground, size, phases)
            textbook = textbook_monday(playground, RUN, arguments.textbook_users, arguments.workers, phases)
    result = figures(size, phases, totals, textbook)
    if arguments.json:
        print_json(result)
    return 0 if totals.match == totals.pairs and textbook.same == textbook.users else 1


def both_paths(playground: Playground, size: Size, phases: Phases) -> Totals:
    """From empty tables to the reconciliation of a run."""
    with phases.measured("load"):
        load_shop(playground.system.servers.database_url, size)
    with phases.measured("backfill"):
        playground.backfill(lambda _: None)
    with phases.measured("fold"):
        playground.settle()
    with phases.measured("event_driven"):
        playground.barrier(RUN)
        playground.event_driven(RUN)
    with phases.measured("legacy"):
        playground.legacy(RUN, noise=0)
    with phases.measured("bare_batch"):
        bare_batch(playground.engine)
    with phases.measured("reconcile"):
        return playground.reconcile(RUN)


def figures(size: Size, phases: Phases, totals: Totals, textbook: Textbook) -> dict[str, object]:
    """What is printed."""
    ours, legacy, theirs = phases["event_driven"], phases["legacy"], phases["textbook"]
    bare = phases["bare_batch"]
    scale = size.users / textbook.users
    return {
        "users": size.users,
        "order_lines": size.order_lines,
        "products": size.products,
        "textbook_ratio": round(theirs.seconds * scale / ours.seconds, 1),
        "textbook_cpu_ratio": round(theirs.cpu_seconds * scale / ours.cpu_seconds, 1),
        "legacy_ratio": round(legacy.seconds / ours.seconds, 2),
        "legacy_cpu_ratio": round(legacy.cpu_seconds / ours.cpu_seconds, 2),
        "bare_batch_ratio": round(bare.seconds / ours.seconds, 2),
        "bare_batch_cpu_ratio": round(bare.cpu_seconds / ours.cpu_seconds, 2),
        "event_driven_seconds": ours.seconds,
        "legacy_seconds": legacy.seconds,
        "textbook_seconds": round(theirs.seconds * scale, 1),
        "textbook_users": textbook.users,
        "textbook_mailed": textbook.mailed,
        "textbook_same": textbook.same,
        "pairs": totals.pairs,
        "match": totals.match,
        "largest_process_mb": max(
            phase.largest_process_mb for name, phase in phases.items() if name not in ("load", "textbook")
        ),
        "phases": phases.as_figures(),
    }


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.monday", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--users", type=int, default=100_000)
    options.add_argument("--products", type=int, default=5_000)
    options.add_argument("--lines", type=int, help="order lines; default: 15 for every user")
    options.add_argument("--textbook-users", type=int, default=5_000, help="how many of them the textbook design gets")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--small", action="store_true", help="a size at which the figures mean nothing")
    options.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    return options


if __name__ == "__main__":
    sys.exit(main())
