"""Validation: the provider judges what a path would send, and nobody gets anything. Touches no ledger."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from handlers.delivery.message import Message
from handlers.delivery.pace import Pace, Verdict
from handlers.delivery.provider import Accepted, Answer, Provider, Refused, UnfitMessage


@dataclass(kw_only=True)
class Validated:
    """How many messages the provider would take; the others by the reason it gave, with an example's send id."""

    good: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    unanswered: Counter[str] = field(default_factory=Counter)

    def count(self, send_id: str, answer: Answer) -> None:
        """Add one answer."""
        match answer:
            case Accepted():
                self.good += 1
            case Refused(reason):
                self.refused[reason] += 1
                self.examples.setdefault(reason, send_id)
            case _:
                self.unanswered[answer.reason] += 1


async def validate(provider: Provider, pace: Pace, messages: Iterable[Message]) -> Validated:
    """Let the provider judge these messages, one after the other, at the common pace. Raises PaceUnavailable."""
    found = Validated()
    for message in messages:
        try:
            request = provider.prepare(message)
        except UnfitMessage as problem:
            found.count(message.send_id, Refused(f"unfit: {problem}"))
            continue
        found.count(message.send_id, await _judged(provider, pace, request))
    return found


async def _judged(provider: Provider, pace: Pace, request: bytes) -> Answer:
    while not (grant := await pace.acquire(1)).slots:
        await asyncio.sleep(grant.wait)
    slot = grant.slots[0]
    await asyncio.sleep(slot.departs_in)
    answer = await provider.validate(request)
    await pace.settle([(slot.token, Verdict.NEUTRAL)])
    return answer
