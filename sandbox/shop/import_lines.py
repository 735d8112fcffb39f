"""The records of an order-line file as typed lines."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from operator import itemgetter
from pathlib import Path

import msgspec

from sandbox.shop.import_errors import UnreadableFile
from sandbox.shop.import_file import Record
from sandbox.shop.import_mapping import Mapping

LARGEST = 2**31 - 1
"""The largest quantity and price the shop's tables hold."""


class OrderLine(msgspec.Struct, frozen=True, gc=False):
    """One line of the file. `price` is in pence; `quantity` may be negative; what the file leaves out is empty."""

    order_id: str
    product_id: str
    description: str
    quantity: int
    at: datetime
    price: int
    user_id: str


def read_lines(
    path: Path, records: Iterator[Record], mapping: Mapping, date_format: str | None = None
) -> Iterator[tuple[OrderLine, Sequence[str]]]:
    """Each line with all cells of its record. Raises UnreadableFile for a column, field, number or date amiss."""
    header_line, header = next(records, (1, ()))
    header = [name.strip() for name in header]
    columns = msgspec.structs.astuple(mapping)
    _check_header(path, header_line, header, columns)
    unit = "line" if header_line else "row"
    pick = itemgetter(*map(header.index, columns))
    for number, cells in records:
        if len(cells) != len(header):
            reason = f"has {len(cells)} fields; expected {len(header)}, as in the header"
            raise UnreadableFile(path, number, reason, unit=unit)
        values = pick(cells)
        try:
            yield _line(values, date_format), cells
        except ValueError as problem:
            raise UnreadableFile(path, number, _amiss(columns, values, date_format), unit=unit) from problem


def _line(values: Sequence[str], date_format: str | None) -> OrderLine:
    order_id, product_id, description, quantity, at, price, user_id = values
    return OrderLine(
        _id(order_id),
        _id(product_id),
        _description(description),
        _quantity(quantity),
        _moment(at, date_format),
        _price(price),
        _user_id(user_id),
    )


def _check_header(path: Path, line: int, header: Sequence[str], columns: Sequence[str]) -> None:
    for column in columns:
        if header.count(column) != 1:
            found = "appears more than once" if column in header else "is missing"
            has = ", ".join(header) or "nothing"
            reason = f"column {column!r} {found}; the header has: {has[:300]} (a mapping can name other columns)"
            raise UnreadableFile(path, line or None, reason)


def _amiss(columns: Sequence[str], values: Sequence[str], date_format: str | None) -> str:
    """Which of the values it is that cannot be read, and what was expected."""
    readers: tuple[Callable[[str], object], ...] = (
        *(_id, _id, _description, _quantity),
        *(lambda text: _moment(text, date_format), _price, _user_id),
    )
    for read, column, text in zip(readers, columns, values, strict=True):
        try:
            read(text)
        except ValueError as problem:
            return f"{column} is {text[:80]!r}; expected {problem}"
    raise AssertionError("every value can be read")


@lru_cache(maxsize=100_000)
def _id(text: str) -> str:
    text = text.strip()
    if len(text) > 200 or not all(map(str.isprintable, text)):
        raise ValueError("an id of at most 200 printable characters")
    return text


@lru_cache(maxsize=100_000)
def _user_id(text: str) -> str:
    """Numbers that went through a spreadsheet end in `.0`."""
    return re.sub(r"^(\d+)\.0+$", r"\1", _id(text))


@lru_cache(maxsize=10_000)
def _quantity(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+(\.0*)?", text.strip()):
        raise ValueError("a whole number")
    quantity = int(text.strip().partition(".")[0])
    if abs(quantity) > LARGEST:
        raise ValueError(f"a whole number up to {LARGEST}")
    return quantity


@lru_cache(maxsize=10_000)
def _price(text: str) -> int:
    """Pence; a fraction of a penny is rounded, half of one away from zero."""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?", text.strip()):
        raise ValueError("an amount of money such as 2.55")
    pence = (Decimal(text.strip()) * 100).to_integral_value(ROUND_HALF_UP)
    if abs(pence) > LARGEST:
        raise ValueError(f"an amount of money up to {LARGEST // 100}")
    return int(pence)


@lru_cache(maxsize=100_000)
def _moment(text: str, date_format: str | None) -> datetime:
    """A time without a zone is UTC."""
    try:
        if date_format is None:
            at = datetime.fromisoformat(text.strip())
        else:
            at = datetime.strptime(text.strip(), date_format)  # noqa: DTZ007
    except ValueError as problem:
        raise ValueError(f"a time as {date_format or 'ISO 8601, such as 2010-12-01 08:26:00'}") from problem
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


@lru_cache(maxsize=100_000)
def _description(text: str) -> str:
    """Stripped, and every run of white space one space."""
    words = " ".join(text.split())
    if len(words) > 2000:
        raise ValueError("at most 2000 characters")
    return words
