"""Blows at processes of ours: killed, frozen, restarted; parents, children, or all of them."""

import signal
from collections.abc import Callable, Iterator

from tests.chaos.blow import Blow, Missed, Occasion, Sign
from tests.chaos.signals import children, send, send_to_group, stopped


def blows_at_processes() -> Iterator[Blow]:
    """At relay, workers and web application."""
    signs: dict[str, Sign] = {
        "relay": "orders",
        "worker": "orders",
        "emails": "mails",
        "tracking": "news",
        "web": "web",
    }
    for name, sign in signs.items():
        yield Blow(target=name, kind="killed", sign=sign, strike=_killed(name))
        yield Blow(target=name, kind="paused", sign=sign, strike=_paused(name))
        yield Blow(target=name, kind="restarted", sign=sign, strike=_restarted(name))
        if name in ("worker", "emails", "tracking"):
            yield Blow(target=name, kind="parent killed", sign=sign, strike=_parent_killed(name))
            yield Blow(target=name, kind="child killed", sign=sign, strike=_child_killed(name))
            yield Blow(target=name, kind="child paused", sign=sign, strike=_child_paused(name))


def blows_at_provider() -> Iterator[Blow]:
    """At the stand-in and the way to it."""
    yield Blow(target="stand-in", kind="killed", sign="mails", strike=_killed("sendgrid"))
    yield Blow(target="stand-in", kind="paused", sign="mails", strike=_paused("sendgrid"))
    yield Blow(target="stand-in", kind="restarted", sign="mails", strike=_restarted("sendgrid"))
    yield Blow(target="stand-in", kind="cut off", sign="mails", strike=_faulty(outage={"mode": "refuse"}))
    yield Blow(target="stand-in", kind="silent", sign="mails", strike=_faulty(outage={"mode": "hang"}))
    yield Blow(target="stand-in", kind="accepts and resets", sign="mails", strike=_faulty(accept_then_drop=0.5))


def _killed(name: str) -> Callable[[Occasion], None]:
    """With everything it forked."""

    def strike(at: Occasion) -> None:
        with at.arena.hand:
            send_to_group(at.arena.child(name).process.pid, signal.SIGKILL)

    return strike


def _parent_killed(name: str) -> Callable[[Occasion], None]:
    """Alone: its children finish what they have in hand, beside those of the next parent."""

    def strike(at: Occasion) -> None:
        with at.arena.hand:
            send([at.arena.child(name).process.pid], signal.SIGKILL)

    return strike


def _restarted(name: str) -> Callable[[Occasion], None]:
    """Asked to end, and started again by the supervisor."""

    def strike(at: Occasion) -> None:
        with at.arena.hand:
            process = at.arena.child(name).process
            send([process.pid], signal.SIGTERM)
        process.wait(60)

    return strike


def _paused(name: str) -> Callable[[Occasion], None]:
    def strike(at: Occasion) -> None:
        pid = at.arena.child(name).process.pid
        with stopped([pid, *children(pid)]):
            at.wait()

    return strike


def _child_killed(name: str) -> Callable[[Occasion], None]:
    def strike(at: Occasion) -> None:
        with at.arena.hand:
            send([_one_child(at, name)], signal.SIGKILL)

    return strike


def _child_paused(name: str) -> Callable[[Occasion], None]:
    def strike(at: Occasion) -> None:
        with stopped([_one_child(at, name)]):
            at.wait()

    return strike


def _faulty(**faults: object) -> Callable[[Occasion], None]:
    def strike(at: Occasion) -> None:
        try:
            provider = at.arena.provider()
            provider.misbehave(**faults)
            at.wait()
            provider.behave()
        except (OSError, ValueError) as problem:
            raise Missed from problem

    return strike


def _one_child(at: Occasion, name: str) -> int:
    found = children(at.arena.child(name).process.pid)
    if not found:
        raise Missed
    return at.random.choice(sorted(found))
