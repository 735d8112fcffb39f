"""The importer: a file of order lines, one product of one order a line, becomes a shop's history."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from sandbox.shop.actions import Action, PlaceOrder, RegisterUser
from sandbox.shop.import_catalogue import catalogue_of
from sandbox.shop.import_errors import BadPattern
from sandbox.shop.import_file import read_records
from sandbox.shop.import_lines import read_lines
from sandbox.shop.import_mapping import ONLINE_RETAIL, Mapping
from sandbox.shop.import_orders import ReturnMatcher, orders_of
from sandbox.shop.import_sieve import Reason, Sieve

PRODUCT_PATTERN = r"^\d{5}[A-Za-z]*$"


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file. Every line is counted once: `read == kept + sum(left_out.values())`.

    A return line of which only some pieces could be matched is kept; `pieces_unmatched` counts the others.
    """

    history: list[Action]
    read: int
    kept: int
    left_out: dict[Reason, int]
    pieces_unmatched: int


def read_order_lines(
    path: str | Path,
    *,
    mapping: Mapping = ONLINE_RETAIL,
    product_pattern: str = PRODUCT_PATTERN,
    encoding: str | None = None,
    date_format: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Import:
    """Read CSV or Parquet, gzipped or plain. A line is a sale, or a return when its order begins with C.

    Lines that are no facts about a shop are left out, by reason; a file that cannot be read is refused as a whole
    (UnreadableFile). Times without a zone are UTC and ISO 8601, or as `date_format` says (strptime). Products are the
    codes in which `product_pattern` is found. `progress` is called now and then with the number of lines read so far.
    """
    path = Path(path)
    sieve = Sieve(_checked_pattern(product_pattern))
    sieve.take_all(read_lines(path, read_records(path, encoding), mapping, date_format), progress)
    orders = orders_of(sieve.sales)
    matcher = ReturnMatcher(orders)
    returns = matcher.returns_of(sieve.returns)
    left_out = sieve.left_out + matcher.left_out
    until = max((action.at for action in (*orders, *returns)), default=None)
    catalogue = catalogue_of(sieve.sales, orders, until) if until else []
    return Import(
        history=_in_time(catalogue, _registrations(orders), orders, returns),
        read=sieve.read,
        kept=len(sieve.sales) + matcher.kept,
        left_out={reason: left_out[reason] for reason in Reason if left_out[reason]},
        pieces_unmatched=matcher.pieces_unmatched,
    )


def _checked_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as problem:
        raise BadPattern(pattern=pattern, problem=problem) from problem
    return pattern


def _registrations(orders: Iterable[PlaceOrder]) -> list[RegisterUser]:
    """A user registers at the moment of the first order."""
    joined: dict[str, datetime] = {}
    for order in orders:
        joined.setdefault(order.user_id, order.at)
    return [
        RegisterUser(at=at, user_id=id_, name=f"Customer {id_}", email=f"customer-{id_}@example.com")
        for id_, at in sorted(joined.items(), key=lambda user: (user[1], user[0]))
    ]


def _in_time(*kinds: Iterable[Action]) -> list[Action]:
    """All actions in order of time; at the same instant, in the order of the kinds."""
    return sorted((action for kind in kinds for action in kind), key=lambda action: action.at)
