"""The Online Retail data set: every line accounted for, and a history which the shop accepts."""

from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from sandbox.shop import actions as a
from sandbox.shop.bulk import load
from sandbox.shop.import_sieve import Reason
from sandbox.shop.order_lines import Import, read_order_lines
from sandbox.shop.shop import perform
from tests.real_orders import ORDERS, every_third_customers


@cache
def online_retail() -> Import:
    _there()
    return read_order_lines(ORDERS)


def _there() -> None:
    if not ORDERS.exists():
        pytest.skip("the Online Retail data set is not at ../shared/data/online-retail.csv.gz")


def test_every_line_of_online_retail_is_counted_once() -> None:
    result = online_retail()
    assert result.read == 541_909
    assert result.kept == 398_637
    assert result.left_out == {
        Reason.NO_CUSTOMER: 135_080,
        Reason.NOT_A_PRODUCT: 1_920,
        Reason.DUPLICATE: 5_220,
        Reason.NEVER_BOUGHT: 1_028,
        Reason.ALL_RETURNED: 24,
    }
    assert result.read == result.kept + sum(result.left_out.values())
    assert result.pieces_unmatched == 557


def test_online_retail_becomes_a_year_of_a_shop() -> None:
    history = online_retail().history
    assert Counter(type(action).__name__ for action in history) == {
        "PlaceOrder": 18_405,
        "ChangeProduct": 6_748,
        "RegisterUser": 4_335,
        "AddProduct": 4_256,
        "ReturnItems": 3_778,
        "RetireProduct": 1_231,
    }
    assert sum(len(action.lines) for action in history if isinstance(action, a.PlaceOrder)) == 386_354
    times = [action.at for action in history]
    assert times == sorted(times)


def test_the_shop_refuses_nothing_of_an_imported_history(database: sa.Engine) -> None:
    """Loaded up to a day, then live for a month, as a rehearsal does."""
    start, end = datetime(2011, 10, 3, tzinfo=UTC), datetime(2011, 10, 17, tzinfo=UTC)
    history = online_retail().history
    with database.connect() as connection:
        load(connection, (action for action in history if action.at < start))
        for action in history:
            if start <= action.at < end:
                perform(connection, action)
        live = rows(connection)
        connection.rollback()
        load(connection, (action for action in history if action.at < end))
        assert rows(connection) == live


def rows(connection: sa.Connection) -> list[tuple[object, ...]]:
    tables = ("users", "products", "orders", "order_lines", "returns")
    digest = "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text COLLATE \"C\")) FROM shop.{} t"
    return [tuple(connection.execute(sa.text(digest.format(table))).one()) for table in tables]


def test_online_retail_in_parquet_gives_the_same_history(tmp_path: Path) -> None:
    _there()
    orders = every_third_customers(tmp_path)
    path = tmp_path / "online-retail.parquet"
    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
    reading = pyarrow.csv.ConvertOptions(column_types={"InvoiceNo": pa.string()})
    pq.write_table(pyarrow.csv.read_csv(orders, parse_options=parsing, convert_options=reading), path)
    assert read_order_lines(path) == read_order_lines(orders)
