"""What `celery -A console.worker` loads: its tasks, and a system that each child builds for itself after the fork."""

import os
from functools import lru_cache

import structlog
from celery.signals import setup_logging, worker_init, worker_process_shutdown, worker_ready

from console.fitting import check_fits
from console.keys import unsubscribe_links
from console.lifeline import end_with_parent
from console.sending import Sending
from console.wiring import System, build
from events import Nudge
from handlers.catalogue import search_alone
from handlers.celery_app import create_app
from handlers.delivery.duties import DELIVERY, LOOK_UP, LOOKUP, SEND
from handlers.delivery.settings import DeliverySettings
from handlers.nudges import TASK
from runtime import broker, logs, servers
from runtime.memory import freeze
from runtime.settings import Settings
from sandbox.defects import defect

SLICE = 5.0
"""Seconds one task sends: less than a worker that is asked to stop may take for what it has in hand."""
LOOKED_UP_AT_ONCE = 20

log = structlog.get_logger()

settings = Settings()
found = servers.resolve(settings)
app = create_app(broker.broker_url(found.redis_url), settings.namespace, soft_shutdown=settings.soft_shutdown)


@lru_cache(maxsize=1)
def system() -> System:
    """This process's system. Nothing of it exists before the fork: OpenMP and open connections do not survive one."""
    search_alone()
    injected = os.environ.get("CUTOVER_DEFECT")
    parts = defect(injected).parts if injected else None
    built = build(found, settings.partitions, settings.namespace, DeliverySettings(), parts)
    check_fits(built.engine, settings.partitions)
    freeze()
    return built


@lru_cache(maxsize=1)
def sending() -> Sending:
    """What sends in this process."""
    return system().sending(unsubscribe_links(settings, system().delivery))


@app.task(name=TASK)
def advance(subscription: str, partition: int) -> None:
    """Let one partition of one subscription advance to its end."""
    try:
        system().advancer(Nudge(subscription, partition))
    except Exception as problem:
        # The checkpoint has not moved; the relay's sweep nudges again.
        log.error("advance_failed", subscription=subscription, partition=partition, problem=str(problem))
        raise


@app.task(name=SEND)
def send(_: str, partition: int) -> None:
    """Send for a while what is due in one partition; whatever is left then is another task's."""
    nudge = Nudge(DELIVERY, partition)
    system().publisher.arrived(nudge)
    try:
        done = sending().send(partition, seconds=SLICE)
    except Exception as problem:
        # What was claimed is settled or has a lease; the relay's sweep nudges again.
        log.error("send_failed", partition=partition, problem=type(problem).__name__, detail=str(problem))
        raise
    if done.more:
        system().publisher.again(nudge)


@app.task(name=LOOK_UP)
def look_up(_: str, partition: int) -> None:
    """Search the provider's records for e-mails that are unconfirmed."""
    system().publisher.arrived(Nudge(LOOKUP, partition))
    sending().look_up(LOOKED_UP_AT_ONCE)


@worker_process_shutdown.connect
def see_answers_home(**_: object) -> None:
    """A child that ends takes down what is answered first."""
    if sending.cache_info().currsize:
        sending().close()


@setup_logging.connect
def configure_logs(**_: object) -> None:
    """Celery's log lines in the same form as ours."""
    logs.configure(settings.log_level, settings.log_json)


@worker_init.connect
def watch_parent(**_: object) -> None:
    """Do not outlive the supervisor, however it ended."""
    end_with_parent()


@worker_ready.connect
def leave_alone_what_stays(**_: object) -> None:
    """The process that hands tasks to the children."""
    freeze()
