"""What the provider may do next: take a request or not, answer or stay silent, and tell news of what it accepted."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from handlers.delivery.provider import Accepted, Answer, NotAccepted, Refused
from handlers.tracking import Kind
from tests.simulation.post_office import Call

if TYPE_CHECKING:
    from tests.simulation.schedule import Schedule

Move = tuple[float, Callable[[], None]]
"""How likely it is, beside the others, and what it does."""

_BAD_ANSWERS: Sequence[Answer] = (
    NotAccepted("http_503"),
    NotAccepted("http_429", throttled=True),
    NotAccepted("connect_refused"),
    Refused("http_400"),
)


class ProviderMoves:
    """The provider's moves in a schedule."""

    def __init__(self, schedule: "Schedule") -> None:
        self._start = schedule.start
        self._world = schedule.world
        self._fleet = schedule.fleet
        self._chance = schedule.chance
        self._trace = schedule.trace

    def moves(self) -> list[Move]:
        moves: list[Move] = []
        for call in self._world.office.calls:
            weight = 3.0 if call.under_way else 3.0 * (1 - self._chance.slow)
            moves.append((weight, partial(self._provider_acts, call)))
        if self._world.office.ids:
            moves.append((0.5, self._follow_up))
        if self._world.office.news and self._fleet.hook.idle:
            moves.append((1.5, self._post_news))
        return moves

    def _provider_acts(self, call: Call) -> None:
        office = self._world.office
        if not call.under_way:
            if self._chance.happens(self._chance.silent):
                self._trace.say("provider", f"is not heard of {call}")
                office.give_up(call)
            else:
                self._trace.say("provider", f"answers {call}: {_word(call.answer)}")
                office.answer(call)
            return
        if self._chance.happens(self._chance.silent * 0.5) and call.waited_for:
            self._trace.say("sender", f"gives up waiting for {call}, which is still under way")
            office.give_up(call)
            return
        answer = self._answer(call)
        self._trace.say("provider", f"gets {call}: {_word(answer)}")
        office.arrive(call, answer)
        self._trace.count(_word(answer))
        if call.waited_for and not self._chance.happens(max(self._chance.standing, self._chance.slow)):
            office.answer(call)
        elif not call.waited_for:
            office.calls.remove(call)

    def _answer(self, call: Call) -> Answer:
        if not self._chance.happens(self._chance.misbehaving):
            return Accepted(f"m-{call.address}-{call.run}-{len(self._world.office.ids)}")
        return self._chance.one_of(_BAD_ANSWERS)

    def _follow_up(self) -> None:
        office = self._world.office
        accepted = sorted((run, address) for address, run in office.accepted)
        run, address = self._chance.one_of(accepted)
        kind = self._chance.one_of((Kind.DELIVERED, Kind.OPEN, Kind.BOUNCE, Kind.SPAM_REPORT, Kind.DEFERRED))
        send_id = next(each for each, known in office.senders.items() if known == (address, run))
        office.follow_up(send_id, run, address, kind)
        self._trace.say("provider", f"has news of {address.partition('@')[0]} in {run}: {kind}")

    def _post_news(self) -> None:
        office = self._world.office
        news = [self._chance.one_of(office.news) for _ in range(1 + self._chance.below(3))]
        if office.told and self._chance.happens(self._chance.repeating):
            news.append(self._chance.one_of(office.told))
        news = list(dict.fromkeys(news))
        told = ", ".join(f"{item.kind} {item.address.partition('@')[0]}" for item in news if item.address)
        self._start(self._fleet.hook, f"takes {told}", self._world.take(self._fleet.hook, news))


def _word(answer: Answer | None) -> str:
    return type(answer).__name__
