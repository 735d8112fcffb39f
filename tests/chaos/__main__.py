"""Chaos with real processes: `make chaos`, or `python -m tests.chaos --seconds 60`."""

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from random import SystemRandom

from console.screen import err, say
from tests.chaos.plan import Plan
from tests.chaos.showing import print_data, show
from tests.chaos.storm_and_sheet import Progress, storm_and_sheet

DESCRIPTION = """\
Everything at once on servers of its own: a shop whose customers order all the time, one campaign after the other,
news of the provider coming back, readers who unsubscribe. Meanwhile relay, workers and their children, the web
application, the stand-in for SendGrid, PostgreSQL and Valkey are killed, frozen, restarted and cut off at random.
Then it stops hurting anybody, waits until everything has come to its end, and prints the balance sheet: what was
planned against what became of it (I3), how often the provider accepted an e-mail for one user and week (I2), the
ledger against the log, the shop's tables against the log (I1), and every list against a computation from nothing (I4).
"""
EXAMPLES = """\
examples:
  python -m tests.chaos                              ten minutes (make chaos)
  python -m tests.chaos --seconds 60 --hurry         a quick look: claims of the dead are not waited for
  python -m tests.chaos --seed 7 --json > sheet.json the blows of seed 7 once more, as data

exit codes: 0 all of it holds; 1 something does not, and it says what; 2 wrong use.
What is printed on stdout is data; messages go to stderr. A storm with the same seed deals the same blows in the same
order; what they meet depends on the machine. Where something does not hold, logs and data stay in the directory named.
"""


def main() -> int:
    """Run it."""
    given = _parser().parse_args()
    seconds = given.seconds if given.seconds is not None else 60 * given.minutes
    seed = given.seed if given.seed is not None else SystemRandom().randrange(1_000_000)
    plan = Plan(
        seconds=seconds,
        seed=seed,
        users=given.users,
        quota=given.quota,
        orders=given.orders,
        interval=given.interval,
        hurry=given.hurry,
    )
    state_dir = Path(tempfile.mkdtemp(prefix="cutover-chaos-"))
    say(f"Seed {seed}, {seconds:g} s of storm, in {state_dir}")
    began = time.monotonic()
    showing = err.status("Starting ...") if err.is_terminal else nullcontext()
    with showing as status:

        def tick(what: str) -> None:
            line = f"{time.monotonic() - began:5.0f} s  {what}"
            if status is not None:
                status.update(line)
            else:
                say(line)

        sheet = storm_and_sheet(state_dir, plan, _said(began), tick)
    (print_data if given.json else show)(sheet)
    if sheet.wrong:
        say(f"Logs and data: {state_dir}")
        return 1
    shutil.rmtree(state_dir, ignore_errors=True)
    return 0


def _said(began: float) -> Progress:
    return lambda what: say(f"{time.monotonic() - began:5.0f} s  {what}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--minutes", type=float, default=10.0, help="how long the storm rages (10)")
    add("--seconds", type=float, help="the same in seconds; goes before --minutes")
    add("--seed", type=int, help="which blows fall when; without it, one is drawn and printed")
    add("--users", type=int, default=1000, help="readers, each of whom is due an e-mail in every campaign (1000)")
    add("--quota", type=int, default=25, help="e-mails a second, so that a campaign of 1000 takes 40 s (25)")
    add("--orders", type=float, default=10.0, help="orders a second (10)")
    add("--interval", type=float, default=4.0, help="seconds between two blows, in the mean (4)")
    add("--hurry", action="store_true", help="end the claims of the dead by hand, instead of waiting two minutes")
    add("--json", action="store_true", help="the balance sheet as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
