"""The configuration a report judges and a sign-off names: what the system is set to, without secrets."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.wiring import System


def configuration(system: "System") -> Mapping[str, str]:
    """Everything that changes what a run does, by name: another value is another system."""
    delivery = system.delivery
    return {
        "job": system.gate.job.name,
        "partitions": str(system.partitions),
        "normalisation": system.gate.job.normalisation,
        "send_quota": str(delivery.quota),
        "send_within_seconds": f"{delivery.within:g}",
        "mail_from": delivery.mail_from or "",
    }
