"""The past to rehearse: what happened in a shop, given or made up, and the window of it that is replayed."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from console.failures import WrongUse
from console.rehearsal import Window
from console.screen import Screen
from sandbox.shop.actions import Action
from shadow.schedule import scheduled_at

END = datetime(2026, 11, 16, tzinfo=UTC)
"""The end of a made-up year."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a person asked for. Without `orders`, a shop with so many `users` is made up."""

    orders: Path | None = None
    mapping: str | None = None
    products: str | None = None
    start: datetime | None = None
    until: datetime | None = None
    nights: int = 7
    users: int = 2000
    seed: int = 7
    enliven: bool = False


@dataclass(frozen=True, kw_only=True)
class Past:
    """A history, and the window of it that is replayed event by event."""

    history: list[Action]
    window: Window


def past_of(given: Given, screen: Screen) -> Past:
    """The past that was asked for. Raises WrongUse when there is nothing in it to rehearse."""
    if given.mapping is not None and given.orders is None:
        raise WrongUse("--mapping names the columns of a file: give --orders FILE too")
    if given.orders is not None:
        history = _imported(given.orders, given.mapping, given.products, screen)
    else:
        history = made_up(given.users, given.until.replace(tzinfo=UTC) if given.until else END, given.seed, screen)
    window = _window(history, given.start, given.until, given.nights)
    window.runs  # noqa: B018 - refuse a window without a run before anything is started
    return Past(history=_enlivened(history, window, screen) if given.enliven else history, window=window)


def made_up(users: int, until: datetime, seed: int, screen: Screen) -> list[Action]:
    """A year of a synthetic shop."""
    from sandbox.shop.synthetic import synthetic_history

    with screen.working(f"Making up a year of a shop with {users:,} customers"):
        products = max(40, min(5000, users // 2))
        return list(synthetic_history(users=users, products=products, order_lines=users * 15, until=until, seed=seed))


def _imported(path: Path, mapping: str | None, products: str | None, screen: Screen) -> list[Action]:
    from sandbox.shop.import_mapping import ONLINE_RETAIL, parse_mapping
    from sandbox.shop.order_lines import PRODUCT_PATTERN, read_order_lines

    with screen.working(f"Reading {path.name}"):
        found = read_order_lines(
            path,
            mapping=parse_mapping(mapping) if mapping else ONLINE_RETAIL,
            product_pattern=products or PRODUCT_PATTERN,
        )
    screen.line(
        f"Read {found.read:,} order lines of {path.name}, kept {found.kept:,}"
        + ("; left out:" if found.left_out else ".")
    )
    for reason, count in sorted(found.left_out.items(), key=lambda item: -item[1]):
        screen.line(f"  {count:>9,}  {reason}")
    return list(found.history)


def _window(history: list[Action], start: datetime | None, until: datetime | None, nights: int) -> Window:
    if not history:
        raise WrongUse("there is nothing to replay: the history is empty")
    end = (until or history[-1].at + timedelta(days=1)).date()
    begin = start.date() if start else end - timedelta(days=35)
    if begin >= end:
        raise WrongUse(f"--from {begin} is not before --until {end}")
    if begin > history[-1].at.date():
        raise WrongUse(f"--from {begin} lies behind the last order of {history[-1].at.date()}")
    return Window(start=begin, end=end, nights=nights)


def _enlivened(history: list[Action], window: Window, screen: Screen) -> list[Action]:
    from sandbox.shop.happenings import enliven

    start = datetime.combine(window.start, time(), UTC)
    lively = enliven(history, start, [scheduled_at(run) for run in window.runs])
    screen.line(f"Added {len(lively) - len(history):,} happenings, so that every rule is exercised.")
    return lively
