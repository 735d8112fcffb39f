"""Bare Celery round trips at a steady rate: a task that does nothing is sent, done by a worker, and answered."""

import os
import sys
import time
from collections.abc import Sequence

from celery import Celery

from benchmarks.peers import no_op
from console.playground import Playground
from runtime import broker

WARM_UP = 20
PATIENCE = 60


def round_trips(playground: Playground, count: int, rate: int, workers: int) -> Sequence[float]:
    """Milliseconds from sending each task to its answer, with so many worker processes."""
    url = playground.system.servers.redis_url
    command = [sys.executable, "-m", "celery", "--app", "benchmarks.peers.no_op", "worker", "--queues", no_op.QUEUE]
    command += ["--concurrency", str(workers), "--hostname", f"no-op-{os.getpid()}@%h", "--loglevel", "warning"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    playground.processes.start("no-op", command)
    app = Celery("no_op_client", broker=broker.broker_url(url), set_as_current=False)
    answers = broker.connect(url, socket_timeout=2 * PATIENCE)
    answers.delete(no_op.ANSWERS)

    def there_and_back(number: int) -> float:
        began = time.perf_counter()
        app.send_task("no_op", args=(number,), queue=no_op.QUEUE, ignore_result=True)
        if answers.blpop([no_op.ANSWERS], timeout=PATIENCE) is None:
            raise SystemExit(f"the bare task was not answered within {PATIENCE} s")
        return 1000 * (time.perf_counter() - began)

    for number in range(WARM_UP):
        there_and_back(number)
    began, found = time.monotonic(), []
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        found.append(there_and_back(number))
    # Whatever is measured next is to have the machine to itself, as this had.
    playground.processes.stop_one("no-op")
    return found
