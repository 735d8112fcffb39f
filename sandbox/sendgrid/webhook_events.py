"""Webhook events as SendGrid words them: one flat object each."""

import secrets

from sandbox.sendgrid.acceptance import Acceptance
from sandbox.sendgrid.course import Step


def event(mail: Acceptance, step: Step, *, custom_args: dict[str, str], url: str, speed: float) -> dict[str, object]:
    """What is posted about this step. A custom argument never replaces what the event says itself."""
    told: dict[str, object] = {
        **custom_args,
        "email": mail.address,
        "timestamp": timestamp(mail, step, speed),
        "smtp-id": f"<{mail.message_id}@geopod-ismtpd-1>",
        "event": step.kind,
        "sg_event_id": new_event_id(),
        "sg_message_id": mail.sg_message_id,
        **step.details,
    }
    if mail.envelope.categories:
        told["category"] = list(mail.envelope.categories)
    if step.kind == "click":
        told["url"] = url
    return told


def timestamp(mail: Acceptance, step: Step, speed: float) -> int:
    """When the step happened, in epoch seconds."""
    return int(mail.wall + step.after / speed)


def new_event_id() -> str:
    """An id for an event, as unique as SendGrid's."""
    return secrets.token_urlsafe(32)
