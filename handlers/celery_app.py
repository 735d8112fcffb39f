"""The Celery application: one task, `advance`, on one queue per class of work. Tasks carry keys, never facts."""

from celery import Celery
from kombu import Queue

QUEUES = ("orchestrator", "ml", "emails", "tracking")

HARD_LIMIT = 300
SOFT_LIMIT = 270
VISIBILITY_TIMEOUT = 3 * HARD_LIMIT


def create_app(broker_url: str, namespace: str, *, soft_shutdown: float = 10.0) -> Celery:
    """An application on this broker, set so that nudges neither run wild nor get stuck.

    `namespace` is what the names of its keys in Redis begin with: two systems on one database must not share
    `unacked`. `soft_shutdown` is how many seconds a worker that is asked to stop may take for what it has in hand.
    """
    app = Celery("cutover", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_queues=[Queue(name) for name in QUEUES],
        task_default_queue="orchestrator",
        # What happened is in the database; a result would be a second, weaker truth.
        task_ignore_result=True,
        # A child killed under late acknowledgement alone is acknowledged and lost; so retry it, but not for ever.
        task_acks_late=True,
        task_retry_on_worker_lost=True,
        task_annotations={"*": {"max_retries": 3}},
        # A task that outlives the visibility timeout runs twice at once. Every app on this broker needs the same one.
        task_time_limit=HARD_LIMIT,
        task_soft_time_limit=SOFT_LIMIT,
        broker_transport_options={
            "global_keyprefix": f"{namespace}:",
            "visibility_timeout": VISIBILITY_TIMEOUT,
            # Tasks of a dead worker come back with the visibility timeout, not up to 100 seconds later.
            "unacked_restore_throttle": 1,
            # Without these a half-open connection is waited for, for ever. (`retry_on_timeout` stays unset: it
            # would disable batched publishing.)
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 15,
        },
        broker_connection_retry_on_startup=True,
        # The default waits for ever for a free connection.
        broker_pool_acquire_timeout=10,
        # A prefetched nudge behind a long one is a late nudge; this costs about 5 % even for no-ops.
        worker_prefetch_multiplier=1,
        # A deploy puts unfinished work back instead of losing it.
        worker_soft_shutdown_timeout=soft_shutdown,
        worker_enable_soft_shutdown_on_idle=True,
        # When the broker is lost, what is in hand goes on. Its nudge may come again and run beside it, which is
        # harmless, whereas a sender that is cut off leaves e-mails of which nobody knows whether they were accepted.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
    )
    return app
