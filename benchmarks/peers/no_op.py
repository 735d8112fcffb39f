"""A bare Celery application: one task that does nothing but answer, on the broker that everything else uses.

    celery --app benchmarks.peers.no_op worker --queues no-op

The answer is pushed to a list, which is what the client waits for: less work than a result backend.
"""

import os

import redis
from celery import Celery
from celery.signals import worker_init

from console.lifeline import end_with_parent
from runtime import broker

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
QUEUE = "no-op"
ANSWERS = "no-op:answers"

app = Celery("no_op", broker=broker.broker_url(URL))
app.conf.update(task_ignore_result=True, task_default_queue=QUEUE, worker_prefetch_multiplier=1)

answers: redis.Redis = broker.connect(URL)


@app.task(name="no_op")
def no_op(number: int) -> None:
    """Nothing but an answer."""
    answers.lpush(ANSWERS, str(number))


@worker_init.connect
def watch_parent(**_: object) -> None:
    """Do not outlive the benchmark, however it ended."""
    end_with_parent()
