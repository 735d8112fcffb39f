"""The configuration a report judges and a sign-off names: what the system is set to, without secrets."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconcile.requirements import StageSettings
from shadow.job import Job

if TYPE_CHECKING:
    from console.wiring import System
    from handlers.delivery.settings import DeliverySettings


def configuration(system: "System") -> Mapping[str, str]:
    """Everything that changes what a run does, by name: another value is another system."""
    return configured(system.gate.job, system.partitions, system.delivery)


def configured(job: Job, partitions: int, delivery: "DeliverySettings") -> Mapping[str, str]:
    """The same for a system that is not there yet."""
    return {
        "job": job.name,
        "partitions": str(partitions),
        "normalisation": job.normalisation,
        "send_quota": str(delivery.quota),
        "send_within_seconds": f"{delivery.within:g}",
        "mail_from": delivery.mail_from or "",
        "approvers": str(StageSettings().approvers),
    }
