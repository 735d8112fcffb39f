"""A planned e-mail as an outcome: the form in which both paths' work is recorded and compared."""

from handlers.emails import PlannedEmail
from shadow.outcome import Fields, Outcome


def outcome_of(plan: PlannedEmail) -> Outcome:
    """The outcome of the event-driven path for one user."""
    fields: Fields = {}
    if plan.email is not None:
        fields = {
            "items": [{"product_id": product_id, "score": score} for product_id, score in plan.items],
            "subject": plan.email.subject,
            "html": plan.email.html,
            "text": plan.email.text,
        }
    return Outcome(
        unit=plan.user_id,
        decision="send" if plan.email is not None else "skip",
        reason=plan.reason,
        fields=fields,
        inputs=plan.inputs,
        milliseconds=plan.milliseconds,
    )
