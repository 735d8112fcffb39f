"""Importing order lines: what becomes of each line, and the history it all amounts to."""

import csv
import gzip
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from sandbox.shop import actions as a
from sandbox.shop.actions import Action
from sandbox.shop.import_errors import BadEncoding, BadMapping, BadPattern
from sandbox.shop.import_mapping import ONLINE_RETAIL, Mapping, parse_mapping
from sandbox.shop.import_sieve import Reason
from sandbox.shop.order_lines import Import, read_order_lines

HEADER = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
MONDAY = datetime(2011, 1, 3, tzinfo=UTC)

Line = tuple[object, ...]
Write = Callable[[Sequence[Line]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(lines: Sequence[Line]) -> Path:
        path = tmp_path / "lines.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADER, *lines])
        return path

    return write


def line(
    order: str = "1",
    product: str = "10001",
    quantity: int = 1,
    at: str = "2011-01-05 10:00:00",
    *,
    description: str = "RED MUG",
    price: str = "2.55",
    user: str = "17850.0",
) -> Line:
    return order, product, description, quantity, at, price, user, "France"


def of_kind(history: Sequence[Action], *kinds: type[Action]) -> list[Action]:
    return [action for action in history if isinstance(action, kinds)]


def test_a_sale_makes_a_product_a_user_and_an_order(write: Write) -> None:
    result = read_order_lines(write([line(description=" RED   MUG\nLARGE ", quantity=2)]))
    at = datetime(2011, 1, 5, 10, tzinfo=UTC)
    assert result.history == [
        a.AddProduct(at=MONDAY, product_id="10001", name="RED MUG LARGE", price=255),
        a.RegisterUser(at=at, user_id="17850", name="Customer 17850", email="customer-17850@example.com"),
        a.PlaceOrder(at=at, order_id="1", user_id="17850", lines=(("10001", 2),)),
    ]
    assert (result.read, result.kept, result.left_out, result.pieces_unmatched) == (1, 1, {}, 0)


def test_an_order_is_placed_at_its_earliest_line_and_merges_lines_for_one_product(write: Write) -> None:
    lines = [line(at="2011-01-05 10:01:00"), line(at="2011-01-05 10:00:00", quantity=3), line(product="10002")]
    (order,) = of_kind(read_order_lines(write(lines)).history, a.PlaceOrder)
    assert order == a.PlaceOrder(
        at=datetime(2011, 1, 5, 10, tzinfo=UTC), order_id="1", user_id="17850", lines=(("10001", 4), ("10002", 1))
    )


LEFT_OUT: list[tuple[Reason, list[Line]]] = [
    (Reason.NO_ORDER, [line(order=" ")]),
    (Reason.NO_CUSTOMER, [line(user="")]),
    (Reason.NOT_A_PRODUCT, [line(product="POST")]),
    (Reason.NOT_A_PRODUCT, [line(product="100012")]),
    (Reason.DUPLICATE, [line(order="2"), line(order="2")]),
    (Reason.QUANTITY_ZERO, [line(quantity=0)]),
    (Reason.PRICE_NEGATIVE, [line(price="-0.01")]),
    (Reason.CANCELS_NOTHING, [line(order="C2")]),
    (Reason.ADJUSTMENT, [line(quantity=-1)]),
    (Reason.OTHER_CUSTOMER, [line(order="2"), line(order="2", user="9")]),
    (Reason.NO_DESCRIPTION, [line(description=" ")]),
    (Reason.NEVER_BOUGHT, [line(order="C2", quantity=-1)]),
    (Reason.NEVER_BOUGHT, [line(order="2", user="9"), line(order="C2", quantity=-1)]),
    (Reason.NEVER_BOUGHT, [line(order="2", at="2011-01-06"), line(order="C2", quantity=-1)]),
    (Reason.ALL_RETURNED, [line(order="2"), line(order="C2", quantity=-1), line(order="C3", quantity=-1)]),
    (Reason.NO_CUSTOMER, [line(user="", product="POST", quantity=0, price="-1")]),
]


@pytest.mark.parametrize(("reason", "lines"), LEFT_OUT)
def test_a_line_that_is_no_fact_is_left_out_for_one_reason(write: Write, reason: Reason, lines: list[Line]) -> None:
    result = read_order_lines(write([line(product="99999"), *lines]))
    assert result.left_out == {reason: 1}
    assert result.read == len(lines) + 1 == result.kept + 1


def test_a_return_takes_back_what_was_bought_last(write: Write) -> None:
    lines = [
        line(order="1", quantity=5, at="2011-01-03 10:00:00"),
        line(order="2", quantity=2, at="2011-01-04 10:00:00"),
        line(order="C3", quantity=-3, at="2011-01-05 10:00:00"),
        line(order="4", quantity=1, at="2011-01-05 10:00:01"),
    ]
    result = read_order_lines(write(lines))
    at = datetime(2011, 1, 5, 10, tzinfo=UTC)
    assert of_kind(result.history, a.ReturnItems) == [
        a.ReturnItems(at=at, return_id="C3", order_id="1", user_id="17850", lines=(("10001", 1),)),
        a.ReturnItems(at=at, return_id="C3", order_id="2", user_id="17850", lines=(("10001", 2),)),
    ]


def test_an_order_at_the_same_instant_can_be_returned(write: Write) -> None:
    result = read_order_lines(write([line(order="C1", quantity=-1), line(order="2")]))
    assert [type(action) for action in result.history][-2:] == [a.PlaceOrder, a.ReturnItems]


def test_pieces_of_a_return_that_were_never_bought_are_counted(write: Write) -> None:
    result = read_order_lines(write([line(quantity=2), line(order="C2", quantity=-5)]))
    assert (result.kept, result.left_out, result.pieces_unmatched) == (2, {}, 3)
    (returned,) = of_kind(result.history, a.ReturnItems)
    assert isinstance(returned, a.ReturnItems)
    assert returned.lines == (("10001", 2),)


def sold(*weeks: int | tuple[int, str, str]) -> list[Line]:
    """A sale of one product on the Wednesday of each of these weeks."""
    lines = []
    for number, week in enumerate(weeks):
        count, description, price = week if isinstance(week, tuple) else (week, "RED MUG", "2.55")
        at = MONDAY + timedelta(weeks=count, days=2)
        lines.append(line(order=f"{number}", at=at.isoformat(), description=description, price=price))
    return lines


def catalogue(path: Path) -> list[tuple[str, int, tuple[str, int] | None]]:
    """(kind, week, name and price) of what happens to product 10001."""
    kinds = of_kind(read_order_lines(path).history, a.AddProduct, a.ChangeProduct, a.RetireProduct)
    return [
        (type(action).__name__, (action.at - MONDAY) // timedelta(weeks=1), entry(action))
        for action in kinds
        if getattr(action, "product_id", "") == "10001" and (action.at - MONDAY) % timedelta(weeks=1) == timedelta(0)
    ]


def entry(action: Action) -> tuple[str, int] | None:
    return (action.name, action.price) if isinstance(action, a.AddProduct | a.ChangeProduct) else None


def test_the_price_list_is_revised_on_mondays_after_the_commonest_lines(write: Write) -> None:
    usual, odd = (0, "MUG", "2.55"), (0, "RED MUG", "1.25")
    sales = sold((0, "RED MUG", "2.55"), usual, usual, odd, (1, "MUG", "2.55"), (2, "B", "3"), (2, "A", "2"))
    assert catalogue(write(sales)) == [
        ("AddProduct", 0, ("MUG", 255)),
        ("ChangeProduct", 2, ("A", 200)),
    ]


def test_a_product_without_a_description_in_one_week_keeps_its_name(write: Write) -> None:
    path = write(sold((0, "", "1"), (1, "MUG", "1"), (2, "", "1"), (3, "", "2")))
    assert catalogue(path) == [("AddProduct", 0, ("MUG", 100)), ("ChangeProduct", 3, ("MUG", 200))]


OTHER = line(order="end", product="99999", at=(MONDAY + timedelta(weeks=40)).isoformat())


def test_a_product_unsold_for_thirteen_weeks_is_retired_and_sold_again(write: Write) -> None:
    assert catalogue(write([*sold(0, 15), OTHER])) == [
        ("AddProduct", 0, ("RED MUG", 255)),
        ("RetireProduct", 14, None),
        ("AddProduct", 15, ("RED MUG", 255)),
        ("RetireProduct", 29, None),
    ]


def test_a_product_that_sells_in_the_week_after_thirteen_without_a_sale_stays(write: Write) -> None:
    assert [kind for kind, _, _ in catalogue(write(sold(0, 14)))] == ["AddProduct"]


def test_nothing_is_retired_after_the_file_ends(write: Write) -> None:
    almost = line(order="end", product="99999", at=(MONDAY + timedelta(weeks=14, seconds=-1)).isoformat())
    assert [kind for kind, _, _ in catalogue(write([*sold(0), almost]))] == ["AddProduct"]


def test_at_one_instant_products_come_before_users_before_orders_before_returns(write: Write) -> None:
    lines = [line(order=order, quantity=n, at="2011-01-03") for order, n in (("C3", -1), ("2", 1), ("1", 1))]
    history = read_order_lines(write(lines)).history
    assert [type(action) for action in history] == [
        a.AddProduct,
        a.RegisterUser,
        a.PlaceOrder,
        a.PlaceOrder,
        a.ReturnItems,
    ]
    assert isinstance(history[-1], a.ReturnItems)
    assert history[-1].order_id == "2"


def test_the_order_of_the_lines_does_not_matter(write: Write) -> None:
    lines = [*sold(0, (1, "MUG", "3"), 20, 21), OTHER, line(order="C9", quantity=-2, at="2011-06-10")]
    assert read_order_lines(write(lines[::-1])).history == read_order_lines(write(lines)).history


def test_times_with_a_zone_are_converted(write: Write) -> None:
    (order,) = of_kind(read_order_lines(write([line(at="2011-01-05T10:00:00+05:00")])).history, a.PlaceOrder)
    assert order.at == datetime(2011, 1, 5, 5, tzinfo=UTC)
    assert order.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("price", "pence"), [("2.55", 255), ("0.001", 0), ("0.005", 1), ("1e-2", 1), ("3", 300), (".5", 50), (" 7.1 ", 710)]
)
def test_prices_become_pence_exactly(write: Write, price: str, pence: int) -> None:
    added = read_order_lines(write([line(price=price)])).history[0]
    assert isinstance(added, a.AddProduct)
    assert added.price == pence


def test_progress_tells_how_many_lines_were_read(write: Write) -> None:
    steps: list[int] = []
    read_order_lines(write([line(order=str(n)) for n in range(10_001)]), progress=steps.append)
    assert steps == [10_000, 10_001]


def test_a_file_with_nothing_but_its_header_is_an_empty_history(write: Write) -> None:
    assert read_order_lines(write([])) == Import(history=[], read=0, kept=0, left_out={}, pieces_unmatched=0)


FORMATS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "gzipped byte order mark": lambda data: gzip.compress(b"\xef\xbb\xbf" + data),
    "unix line ends": lambda data: data.replace(b"\r\n", b"\n"),
    "blank lines at the end": lambda data: data + b"\r\n\r\n",
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["lines.csv", "lines.csv.gz", "lines.parquet"])
def test_formats_are_told_apart_by_content_not_by_name(write: Write, tmp_path: Path, form: str, name: str) -> None:
    plain = write([line(description="CAFÉ\nMUG"), line(order="C2", quantity=-1)])
    expected = read_order_lines(plain)
    path = tmp_path / name
    path.write_bytes(FORMATS[form](plain.read_bytes()))
    assert read_order_lines(path) == expected


@pytest.mark.parametrize("gzipped", [False, True])
def test_parquet_and_csv_give_equal_histories(write: Write, tmp_path: Path, gzipped: bool) -> None:
    lines = [
        *sold((0, "CAFÉ MUG", "2.5"), (1, "RED\nMUG", "0.001"), 20),
        line(user="", order="9"),
        line(order="C9", quantity=-2, at="2011-06-10 10:00:00"),
        line(order="C9", quantity=-2, at="2011-06-10 10:00:00"),
        line(order="10", product="POST"),
    ]
    expected = read_order_lines(write([tuple(str(cell).replace("T", " ") for cell in row) for row in lines]))
    path = tmp_path / "lines.bin"
    columns = list(zip(*lines, strict=True))
    table = pa.table(
        {
            "InvoiceNo": columns[0],
            "StockCode": pa.array(columns[1]).dictionary_encode(),
            "Description": columns[2],
            "Quantity": pa.array(columns[3], pa.int32()),
            "InvoiceDate": pa.array([datetime.fromisoformat(str(at)) for at in columns[4]], pa.timestamp("ns")),
            "UnitPrice": [float(str(price)) for price in columns[5]],
            "CustomerID": [float(str(user)) if user else None for user in columns[6]],
            "Country": columns[7],
        }
    )
    pq.write_table(table, path)
    if gzipped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert read_order_lines(path) == expected
    assert expected.left_out[Reason.DUPLICATE] == 1


def test_other_columns_in_another_order_are_mapped(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_text(
        "when;is,SKU,Order,pieces,what,who,each,note\n05/01/2011 10:00,mug-1,A 1,2,Red Mug,ann,1.20,x\n",
        encoding="utf-8",
    )
    mapping = parse_mapping(
        "order_id=Order, product_id=SKU,description=what,quantity=pieces,at=when;is,price=each,user_id=who"
    )
    result = read_order_lines(path, mapping=mapping, product_pattern=r"^mug-", date_format="%d/%m/%Y %H:%M")
    assert of_kind(result.history, a.PlaceOrder) == [
        a.PlaceOrder(at=datetime(2011, 1, 5, 10, tzinfo=UTC), order_id="A 1", user_id="ann", lines=(("mug-1", 2),))
    ]


def test_a_mapping_leaves_other_columns_as_they_are() -> None:
    assert parse_mapping("order_id=Order") == Mapping(order_id="Order")
    assert parse_mapping("") == ONLINE_RETAIL


@pytest.mark.parametrize("text", ["order=Order", "order_id", "order_id=", "order_id=A,order_id=B"])
def test_a_mapping_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadMapping, match="expected `field=Column` with one of the fields order_id, product_id, desc"):
        parse_mapping(text)


def test_a_file_in_another_encoding_is_read_when_told_which(write: Write) -> None:
    path = write([line(description="CAFÉ")])
    path.write_bytes(path.read_text(encoding="utf-8").encode("cp1252"))
    added = read_order_lines(path, encoding="cp1252").history[0]
    assert isinstance(added, a.AddProduct)
    assert added.name == "CAFÉ"


@pytest.mark.parametrize("encoding", ["nonsense", "utf-16", "base64"])
def test_an_encoding_that_cannot_be_split_into_lines_is_refused(write: Write, encoding: str) -> None:
    with pytest.raises(BadEncoding, match=f"encoding is '{encoding}'; expected one that"):
        read_order_lines(write([line()]), encoding=encoding)


def test_a_pattern_that_is_none_is_refused(write: Write) -> None:
    with pytest.raises(BadPattern, match=r"product_pattern is '\(': missing"):
        read_order_lines(write([line()]), product_pattern="(")
