"""The textbook design's Monday over some users of a shop: its workers, its time, and whether it comes to the same."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from benchmarks.peers import textbook
from benchmarks.phases import Phases
from console.playground import Playground
from console.processes import Processes, environment
from console.screen import say
from reconcile.comparison import pairs_of
from runtime.broker import broker_url

PATIENCE = 900.0
LOOK = 0.05
WARM_UP = 100
"""Users for whom the workers have read what they keep, before it is timed."""


@dataclass(frozen=True, kw_only=True)
class Textbook:
    """What came of it, for `users` of whom `mailed` got an e-mail; `same` of them the same as by the outcomes."""

    users: int
    mailed: int
    same: int


def textbook_monday(playground: Playground, run: str, users: int, workers: int, phases: Phases) -> Textbook:
    """The textbook's Monday over so many users, as the phase `textbook`, held against the recorded outcomes of `run`.

    Publishing counts: it begins when beat would start it and ends with the last e-mail recorded.
    """
    warm, chosen = _chosen(playground.engine, min(WARM_UP, users // 2), users)
    with _workers(playground, workers):
        _through(playground, run, warm, {*warm})
        with phases.measured("textbook"):
            _through(playground, run, chosen, {*warm, *chosen})
    mailed, same = held_against(playground.engine, run, chosen)
    return Textbook(users=len(chosen), mailed=mailed, same=same)


def _chosen(engine: sa.Engine, warm: int, users: int) -> tuple[list[str], list[str]]:
    """Users by the hash of their ids, thus of every kind: some to warm up, and others to be timed."""
    with engine.connect() as connection:
        found = connection.scalars(_SOME, {"count": warm + users}).all()
    return list(found[:warm]), list(found[warm:])


@contextmanager
def _workers(playground: Playground, concurrency: int) -> Iterator[None]:
    """The textbook's workers on the playground's servers, with nothing else of the playground running."""
    playground.processes.stop()
    with playground.engine.begin() as connection:
        connection.execute(textbook.SCHEMA)
    servers = playground.system.servers
    for key in playground.system.redis.scan_iter(match="textbook:*", count=1000):
        playground.system.redis.delete(key)
    broker = {"CELERY_BROKER_URL": broker_url(servers.redis_url)}
    env = environment(servers, playground.logs.parent.parent, playground.system.partitions)
    with Processes({**env, **broker}, playground.logs) as processes:
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "warning"]
        app = ["-m", "celery", "--app", "benchmarks.peers.textbook", "worker", "--concurrency", str(concurrency)]
        processes.start("textbook", [sys.executable, *app, *quiet])
        yield
        processes.check()


def _through(playground: Playground, run: str, users: Sequence[str], all_so_far: set[str]) -> None:
    """Start the week for these users, and wait until everything is recorded."""
    with playground.engine.connect() as connection:
        subscribed = connection.scalar(_SUBSCRIBED, {"users": sorted(all_so_far)})
    with textbook.app.connection_for_write(broker_url(playground.system.servers.redis_url)) as broker:
        textbook.app.send_task(textbook.start_week.name, (run, users), connection=broker)
    deadline = time.monotonic() + PATIENCE
    while True:
        with playground.engine.connect() as connection:
            row = connection.execute(_DONE, {"run": run}).one()
        if (row.recommended, row.mailed) == (subscribed, row.to_mail):
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"the textbook design came to {row.mailed} e-mails of {row.to_mail} within {PATIENCE:g} s")
        time.sleep(LOOK)


def held_against(engine: sa.Engine, run: str, users: Sequence[str]) -> tuple[int, int]:
    """How many of these users the textbook mailed, and how many of all of them it treated as our outcomes say.

    Compared are products, scores, subject and text.
    """
    with engine.connect() as connection:
        lists = {row.user_id: row for row in connection.execute(_LISTS, {"run": run, "users": users})}
        pairs = pairs_of(connection, run, users)
    same = 0
    for user_id, pair in pairs.items():
        ours, theirs = pair.event_driven, lists.get(user_id)
        if ours is None:
            continue
        if ours.decision == "skip" or theirs is None:
            same += ours.decision == "skip" and theirs is None
            continue
        items = [
            {"product_id": product_id, "score": score}
            for product_id, score in zip(theirs.product_ids, theirs.scores, strict=True)
        ]
        found = (items, theirs.subject, theirs.text)
        same += found == (ours.fields["items"], ours.fields["subject"], ours.fields["text"])
    say(f"  the same e-mail or none for {same:,} of {len(users):,} users")
    return len(lists), same


_SOME = sa.text("SELECT user_id FROM shop.users ORDER BY md5(user_id) LIMIT :count")
_SUBSCRIBED = sa.text("""
    SELECT count(*) FROM shop.users WHERE unsubscribed_at IS NULL AND user_id = ANY(:users)
""")
_DONE = sa.text("""
    SELECT count(*) AS recommended, count(*) FILTER (WHERE product_ids <> '{}') AS to_mail,
           (SELECT count(*) FROM textbook.emails WHERE week = :run) AS mailed
    FROM textbook.recommendations WHERE week = :run
""")
_LISTS = sa.text("""
    SELECT user_id, product_ids, scores, subject, text
    FROM textbook.recommendations JOIN textbook.emails USING (week, user_id) WHERE week = :run AND user_id = ANY(:users)
""")
