"""The provider's webhook under load: signed posts at a steady pace to the running application, and nothing lost.

    python -m benchmarks.webhook --json
    python -m benchmarks.webhook --restart --seconds 30

The sender is open-loop: a post is due at its time whether or not the one before was answered, and its latency counts
from then. With --restart, PostgreSQL (embedded, of its own) is restarted in the middle, and the sender repeats what was
not taken, as SendGrid does; latencies then tell how long it was away.
"""

import argparse
import os
import sys
import time
from dataclasses import dataclass

import uvloop

from benchmarks.memory import PeakMemory
from benchmarks.webhook_ledger import accepted_emails, disagreeing, lost
from benchmarks.webhook_load import Sent, send
from benchmarks.webhook_news import News
from benchmarks.webhook_site import Site, servers_of_its_own, servers_of_the_settings
from console.screen import print_json, say
from runtime.instance import claim
from runtime.settings import Settings
from sandbox.sendgrid.signature import Signer

SMALL = {"seconds": 3.0, "rate": 100.0, "emails": 500}

HARMLESS = {"503", "refused"}
"""The failures that a provider repeats after, and nobody need look into."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of it; `disagreeing` counts the e-mails of which the ledger says something else than was told."""

    sent: Sent
    facts: int
    lost: int
    disagreeing: int
    seconds: float
    fold_seconds: float
    web_cpu_seconds: float
    peak_mb: float

    @property
    def good(self) -> bool:
        """Nothing is lost or wrong, and nothing was answered in a way that it should not be."""
        return not (self.lost or self.disagreeing or self.sent.given_up or set(self.sent.failures) - HARMLESS)


def main() -> int:
    """Run it; exit code 1 when anything was lost, is wrong, or failed otherwise than with 503."""
    arguments = parser().parse_args()
    if arguments.small:
        vars(arguments).update(SMALL)
    settings = Settings()
    found_servers = servers_of_its_own if arguments.restart else servers_of_the_settings
    with claim(settings.state_dir, "webhook_benchmark"), found_servers(settings) as (found, state_dir):
        say("starting ...")
        with Site(found, state_dir, settings.partitions) as site:
            result = measured(site, arguments)
    report(result, as_json=arguments.json)
    return 0 if result.good else 1


def measured(site: Site, arguments: argparse.Namespace) -> Result:
    """Make the ledger, send, wait until all is folded, and count."""
    say(f"{arguments.emails} accepted e-mails ...")
    emails = accepted_emails(site.engine, arguments.emails, site.partitions)
    site.settle()
    news = News(emails, Signer(site.keys.directory / "webhook.pem"), arguments.seed)
    posts = news.posts(arguments.rate, arguments.seconds)
    midway = site.restart_postgres if arguments.restart else None
    say(f"{arguments.rate:g} events a second for {arguments.seconds:g} s ...")
    with PeakMemory() as memory:
        began, used = time.monotonic(), site.web_cpu_seconds
        sent = uvloop.run(send(site.address, posts, midway, arguments.seconds / 2))
        ended, cpu_seconds = time.monotonic(), site.web_cpu_seconds - used
        say("folding ...")
        site.settle()
        folded = time.monotonic()
    return Result(
        sent=sent,
        facts=len(news.expected.facts),
        lost=lost(site.engine, news.expected),
        disagreeing=disagreeing(site.engine, news.expected),
        seconds=round(ended - began, 2),
        fold_seconds=round(folded - ended, 2),
        web_cpu_seconds=round(cpu_seconds, 2),
        peak_mb=round(memory.mb, 1),
    )


def report(result: Result, *, as_json: bool) -> None:
    """The figures, as JSON on stdout or in a few lines for a person."""
    sent = result.sent
    figures = {
        "p50_ms": round(sent.percentile(0.5), 1),
        "p99_ms": round(sent.percentile(0.99), 1),
        "max_ms": round(sent.percentile(1), 1),
        "lost": result.lost,
        "disagreeing": result.disagreeing,
        "given_up": sent.given_up,
        "failures": dict(sent.failures),
        "events": sent.events,
        "facts": result.facts,
        "posts": sent.posts,
        "seconds": result.seconds,
        "fold_seconds": result.fold_seconds,
        "web_cpu_seconds": result.web_cpu_seconds,
        "sender_late_ms": round(1000 * sent.latest, 1),
        "peak_mb": result.peak_mb,
        "load_average": round(os.getloadavg()[0], 2),
    }
    if as_json:
        print_json(figures)
    else:
        for name, value in figures.items():
            say(f"  {name}: {value}")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.webhook", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--rate", type=float, default=1000.0, help="events a second")
    options.add_argument("--emails", type=int, default=20_000, help="accepted e-mails in the ledger")
    options.add_argument("--restart", action="store_true", help="restart a PostgreSQL of its own in the middle")
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--small", action="store_true", help="a size at which the figures mean nothing")
    options.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    return options


if __name__ == "__main__":
    sys.exit(main())
