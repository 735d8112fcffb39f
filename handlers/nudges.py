"""Nudges: told to Celery, coalesced, and followed by letting the partition advance."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import redis
import sqlalchemy as sa
import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from events import Nudge, Subscriptions, advance

TASK = "cutover.advance"
COALESCE_MILLISECONDS = 2000
LONGEST_QUEUE = 1000
"""Where so many nudges wait already, no worker is at work: more of them would only fill the broker."""
WORD_MILLISECONDS = 60_000
"""How long a word left for whoever holds a partition is kept."""
AT_ONCE = 50_000
"""After so many events a task ends, so that none meets its time limit; the sweep brings the next nudge."""

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where a nudge goes: which task on which queue, unless so many (`longest`) wait there already."""

    task: str
    queue: str
    longest: int = LONGEST_QUEUE


class NudgePublisher:
    """Publishes nudges to Celery; one that is on its way already is not sent again.

    Redis holds nothing but the memory of what is on its way. Where it is away or has forgotten, nudges are lost or told
    twice, and the next sweep makes up for it. `routes` names, by the nudge's subject, those which are not a
    subscription's.
    """

    def __init__(
        self,
        app: Celery,
        broker: "redis.Redis",
        namespace: str,
        subscriptions: Subscriptions,
        routes: Mapping[str, Route] | None = None,
    ) -> None:
        self._namespace = namespace
        self._routes = routes or {}
        self._app = app
        self._broker = broker
        self._subscriptions = subscriptions

    def __call__(self, nudges: Iterable[Nudge]) -> None:
        wanted = list(nudges)
        try:
            for nudge in self._new(wanted) if wanted else ():
                self._send(nudge)
        except (redis.RedisError, OperationalError) as problem:
            log.warning("nudges_not_published", problem=str(problem))

    def again(self, nudge: Nudge) -> None:
        """Tell it once more, however many wait: it takes the place of the one that was acted on just now."""
        try:
            self._broker.set(self._key(nudge), b"1", px=COALESCE_MILLISECONDS)
            self._send(nudge)
        except (redis.RedisError, OperationalError) as problem:
            log.warning("nudges_not_published", problem=str(problem))

    def arrived(self, nudge: Nudge) -> None:
        """Whoever acts on a nudge says so before looking, so that anything newer is nudged again."""
        try:
            self._broker.delete(self._key(nudge))
        except redis.RedisError as problem:
            log.warning("nudge_not_cleared", problem=str(problem))

    def leave_word(self, nudge: Nudge) -> None:
        """Ask whoever holds the partition to look once more before it turns away."""
        try:
            self._broker.set(self._word(nudge), b"1", px=WORD_MILLISECONDS)
        except redis.RedisError as problem:
            log.warning("word_not_left", problem=str(problem))

    def take_word(self, nudge: Nudge) -> bool:
        """Whether somebody left word since the last time; it is taken away. False where Redis cannot be asked."""
        try:
            return self._broker.getdel(self._word(nudge)) is not None
        except redis.RedisError as problem:
            log.warning("word_not_taken", problem=str(problem))
            return False

    def _new(self, nudges: list[Nudge]) -> list[Nudge]:
        """Those which are not on their way yet, and whose queue is not full. One round trip for all."""
        pipeline = self._broker.pipeline(transaction=False)
        queues = sorted({self._route(nudge).queue for nudge in nudges})
        for queue in queues:
            pipeline.llen(f"{self._namespace}:{queue}")
        for nudge in nudges:
            pipeline.set(self._key(nudge), b"1", nx=True, px=COALESCE_MILLISECONDS)
        answers = pipeline.execute()
        waiting = dict(zip(queues, answers, strict=False))
        new = [nudge for nudge, is_new in zip(nudges, answers[len(queues) :], strict=True) if is_new]
        return [nudge for nudge in new if waiting[self._route(nudge).queue] < self._route(nudge).longest]

    def _key(self, nudge: Nudge) -> str:
        return f"{self._namespace}:nudge:{nudge.subscription}:{nudge.partition}"

    def _word(self, nudge: Nudge) -> str:
        return f"{self._namespace}:word:{nudge.subscription}:{nudge.partition}"

    def _send(self, nudge: Nudge) -> None:
        route = self._route(nudge)
        self._app.send_task(route.task, args=(nudge.subscription, nudge.partition), queue=route.queue, retry=False)

    def _route(self, nudge: Nudge) -> Route:
        special = self._routes.get(nudge.subscription)
        return special or Route(task=TASK, queue=self._subscriptions[nudge.subscription].queue)


class Advancer:
    """Acts on a nudge: lets the partition advance to its end, then nudges those that waited for it."""

    def __init__(
        self, engine: sa.Engine, subscriptions: Subscriptions, partitions: int, publisher: NudgePublisher
    ) -> None:
        self._engine = engine
        self._subscriptions = subscriptions
        self._partitions = partitions
        self._publisher = publisher

    def __call__(self, nudge: Nudge) -> int:
        """How many events were folded; 0 when another worker holds the partition."""
        self._publisher.arrived(nudge)
        folded, types = self._advance(nudge)
        self._publisher(self._followers(nudge, types))
        return folded

    def _advance(self, nudge: Nudge) -> tuple[int, set[str]]:
        """Advance to the end, and further if others came by meanwhile and found the partition held.

        How many events were folded, and of which types.

        Whoever finds it held leaves word and tries once more: a holder that has let go by then would not read it, and
        any other takes the word after letting go.
        """
        folded, types, more, left_word = 0, set[str](), True, False
        while more and folded < AT_ONCE:
            step = advance(self._engine, self._subscriptions, nudge.subscription, nudge.partition)
            folded, types = folded + step.events, types | step.types
            if step.held:
                more = not left_word
                if more:
                    self._publisher.leave_word(nudge)
                left_word = True
            else:
                more = step.more or self._publisher.take_word(nudge)
        return folded, types

    def _followers(self, nudge: Nudge, types: set[str]) -> list[Nudge]:
        """Partitions that may go on now that events of these types were folded.

        The same partition where both are partitioned, else all of the follower's. One that reads nothing but what this
        subscription reads, too, waited here for no other event than one it reads itself.
        """
        leader = self._subscriptions[nudge.subscription]
        return [
            Nudge(follower.name, partition)
            for follower in self._subscriptions.following(leader.name)
            if types and (types & follower.types or not follower.types <= leader.types)
            for partition in follower.partitions(self._partitions)
            if not (leader.partitioned and follower.partitioned) or partition == nudge.partition
        ]
