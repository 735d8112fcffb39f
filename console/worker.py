"""What `celery -A console.worker` loads: one task, and a system that each child builds for itself after the fork."""

import os
from functools import lru_cache

import faiss
import structlog
from celery.signals import setup_logging, worker_init

from console.lifeline import end_with_parent
from console.wiring import System, build
from events import Nudge
from handlers.celery_app import create_app
from handlers.nudges import TASK
from runtime import broker, logs, servers
from runtime.settings import Settings
from sandbox.defects import defect

log = structlog.get_logger()

settings = Settings()
found = servers.resolve(settings)
app = create_app(broker.broker_url(found.redis_url), settings.namespace, soft_shutdown=settings.soft_shutdown)


@lru_cache(maxsize=1)
def system() -> System:
    """This process's system. Nothing of it exists before the fork: OpenMP and open connections do not survive one."""
    faiss.omp_set_num_threads(1)
    injected = os.environ.get("CUTOVER_DEFECT")
    return build(found, settings.partitions, settings.namespace, defect(injected).parts if injected else None)


@app.task(name=TASK)
def advance(subscription: str, partition: int) -> None:
    """Let one partition of one subscription advance to its end."""
    try:
        system().advancer(Nudge(subscription, partition))
    except Exception as problem:
        # The checkpoint has not moved; the relay's sweep nudges again.
        log.error("advance_failed", subscription=subscription, partition=partition, problem=str(problem))
        raise


@setup_logging.connect
def configure_logs(**_: object) -> None:
    """Celery's log lines in the same form as ours."""
    logs.configure(settings.log_level, settings.log_json)


@worker_init.connect
def watch_parent(**_: object) -> None:
    """Do not outlive the supervisor, however it ended."""
    end_with_parent()
