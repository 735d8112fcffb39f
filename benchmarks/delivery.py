"""Sending against the stand-in: at the quota, in real and in simulated time, and as fast as this machine can.

    python -m benchmarks.delivery --json
    python -m benchmarks.delivery --small --json

`quota_ratio` is what was accepted a second, over the quota, from the first acceptance to the last; the worse one of the
real and the simulated campaign. `max_in_any_second` is the most that reached the provider in any one second of either.
`unlimited_per_second` has no quota, and the stand-in, PostgreSQL, Valkey and the relay on the same cores.
"""

import argparse
import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.campaign import plan_campaign
from benchmarks.memory import PeakMemory
from benchmarks.simulated_campaign import Simulated, simulate
from console.connected import reachable
from console.playground import Playground
from console.screen import print_json, say
from console.stand_in import StandIn, stand_in
from console.weekly_messages import WeeklyMessages
from handlers.delivery import campaign
from handlers.delivery.books import Books
from handlers.delivery.pace import Limits
from handlers.delivery.sendgrid import SendGrid
from runtime.instance import claim
from runtime.settings import Settings

RUN = "2026-W47"
SENDERS = 8
SMALL = {"users": 1_000, "real_users": 300, "unlimited_users": 1_000}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One campaign with real processes: what the stand-in counted."""

    accepted: int
    per_second: float
    max_in_any_second: int
    seconds: float
    peak_mb: float


def main() -> int:
    """Run it; exit code 1 when the quota was passed, or missed by more than one percent."""
    arguments = parser().parse_args()
    if arguments.small:
        vars(arguments).update(SMALL)
    settings = Settings()
    with claim(settings.state_dir, "benchmark"):
        unlimited = real_campaign(settings, quota=0, users=arguments.unlimited_users, senders=2)
        real = real_campaign(settings, quota=arguments.quota, users=arguments.real_users, senders=SENDERS)
        simulated = simulated_campaign(settings, quota=arguments.quota, users=arguments.users)
    ratio = min(real.per_second, (simulated.accepted - 1) / simulated.seconds) / arguments.quota
    result = {
        "quota_ratio": round(ratio, 4),
        "max_in_any_second": max(real.max_in_any_second, simulated.max_in_any_second),
        "unlimited_per_second": round(unlimited.per_second),
        "peak_mb": round(max(real.peak_mb, unlimited.peak_mb)),
        "quota": arguments.quota,
        "real": {"e-mails": real.accepted, "seconds": round(real.seconds, 1), "senders": SENDERS},
        "simulated": {"e-mails": simulated.accepted, "minutes": round(simulated.seconds / 60, 2), "senders": SENDERS},
    }
    if arguments.json:
        print_json(result)
    return 0 if ratio >= 0.99 and result["max_in_any_second"] <= arguments.quota else 1


def real_campaign(settings: Settings, *, quota: int, users: int, senders: int) -> Sent:
    """Relay, Celery workers and stand-in as processes, on the machine's own clock."""
    what = (
        f"{users:,} e-mails at {quota} a second, {senders} senders" if quota else f"{users:,} e-mails without a quota"
    )
    with _planned(settings, users, quota, senders) as (playground, mailbox), PeakMemory() as memory:
        say(f"{what} ...")
        began = time.perf_counter()
        with playground.engine.begin() as connection:
            campaign.resume(connection, RUN)
        _all_accepted(playground.delivered(RUN), users)
        seconds = time.perf_counter() - began
        counts = _counts(mailbox)
    sent = Sent(
        accepted=counts["accepted"],
        per_second=(counts["accepted"] - 1) / (counts["last_at"] - counts["first_at"]),
        max_in_any_second=counts["max_in_any_second"],
        seconds=seconds,
        peak_mb=memory.mb,
    )
    say(f"  {sent.per_second:.1f}/s, at most {sent.max_in_any_second} in any second, {memory.mb:.0f} MB")
    return sent


def simulated_campaign(settings: Settings, *, quota: int, users: int) -> Simulated:
    """Eight dispatchers in this process, in simulated time; everything they talk to is real."""
    with _planned(settings, users, 0, 1, workers=False) as (playground, mailbox):
        say(f"{users:,} e-mails at {quota} a second, {SENDERS} senders, in simulated time ...")
        with playground.engine.begin() as connection:
            campaign.resume(connection, RUN)
            campaign.extend(connection, RUN, 10.0 * users / quota)
        done = simulate(
            playground.engine,
            playground.system.servers.redis_url,
            playground.database,
            lambda: SendGrid(api_key=mailbox.api_key, mail_from="shop@shop.example", host=mailbox.host),
            WeeklyMessages(lambda user_id: f"https://shop.example/unsubscribe/{user_id}"),
            Limits(quota=quota, horizon=1.0),
            senders=SENDERS,
        )
        _all_accepted(playground.delivered(RUN), users)
    say(f"  {done.accepted:,} in {done.seconds / 60:.2f} minutes, at most {done.max_in_any_second} in any second")
    return done


@contextmanager
def _planned(
    settings: Settings, users: int, quota: int, senders: int, *, workers: bool = True
) -> Iterator[tuple[Playground, StandIn]]:
    """A playground with so many e-mails planned and logged, and nothing sent."""
    mailbox = stand_in(settings.state_dir / "sendgrid-benchmark", quota=quota, tells=False, keep=0)
    playground = Playground(
        reachable(settings),
        settings.state_dir,
        settings.partitions,
        name="benchmark",
        workers=1,
        mailbox=mailbox,
        senders=senders if workers else 0,
    )
    with playground:
        say(f"planning {users:,} e-mails ...")
        plan_campaign(playground.engine, playground.system.gate, RUN, users)
        playground.settle()
        yield playground, mailbox


def _all_accepted(books: Books, users: int) -> None:
    if books.states["accepted"] != users:
        raise SystemExit(f"{users - books.states['accepted']:,} e-mails were not accepted: {books.states}")


def _counts(mailbox: StandIn) -> dict[str, Any]:
    with urllib.request.urlopen(f"{mailbox.host}/counts", timeout=30) as answer:  # noqa: S310 - our own stand-in
        counts: dict[str, Any] = json.load(answer)
    if counts["per_send_id_max"] != 1:
        raise SystemExit(f"some e-mail was accepted {counts['per_send_id_max']} times")
    return counts


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.delivery", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--users", type=int, default=100_000, help="e-mails in simulated time")
    options.add_argument("--real-users", type=int, default=10_000, help="e-mails in real time")
    options.add_argument("--unlimited-users", type=int, default=40_000, help="e-mails without a quota")
    options.add_argument("--quota", type=int, default=100, help="requests a second")
    options.add_argument("--small", action="store_true", help="a size at which the figures mean nothing")
    options.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    return options


if __name__ == "__main__":
    sys.exit(main())
