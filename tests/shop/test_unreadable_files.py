"""Files the importer refuses as a whole, each with the line and the reason."""

import gzip
import re
from pathlib import Path

import pytest

from sandbox.shop.import_errors import UnreadableFile
from sandbox.shop.order_lines import read_order_lines

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
GOOD = "1,10001,RED MUG,1,2011-01-05 10:00:00,2.55,17850.0,France\n"
SPANNING = '2,10001,"RED\nMUG\nLARGE",1,2011-01-05 10:00:00,2.55,17850.0,France\n'
START = HEADER + GOOD + SPANNING + GOOD  # 6 physical lines

MANY = (HEADER + "".join(GOOD.replace("1,", f"{n},", 1).replace("RED", f"{n * 7919}") for n in range(50_000))).encode()


def changed(old: str, new: str) -> str:
    return START + GOOD.replace(old, new)


UNREADABLE: list[tuple[bytes | str, int | None, str]] = [
    ("", 1, "column 'InvoiceNo' is missing; the header has: nothing"),
    (
        START.replace("StockCode", "SKU"),
        1,
        "column 'StockCode' is missing; the header has: InvoiceNo, SKU, Description",
    ),
    (START.replace("Country", "Quantity"), 1, "column 'Quantity' appears more than once"),
    (changed(",France", ""), 7, "has 7 fields; expected 8, as in the header"),
    (changed("MUG", "MUG,BIG"), 7, "has 9 fields; expected 8, as in the header"),
    (START + "nonsense\n" + START, 7, "has 1 fields; expected 8"),
    (changed(",1,", ",one,"), 7, "Quantity is 'one'; expected a whole number"),
    (changed(",1,", ",1.5,"), 7, "Quantity is '1.5'; expected a whole number"),
    (changed(",1,", ",,"), 7, "Quantity is ''; expected a whole number"),
    (changed(",1,", ",3000000000,"), 7, "Quantity is '3000000000'; expected a whole number up to 2147483647"),
    (changed("2.55", "2,55"), 7, "has 9 fields; expected 8"),
    (changed("2.55", "£2.55"), 7, "UnitPrice is '£2.55'; expected an amount of money such as 2.55"),
    (changed("2.55", "NaN"), 7, "UnitPrice is 'NaN'; expected an amount of money"),
    (changed("2.55", "1e20"), 7, "UnitPrice is '1e20'; expected an amount of money up to 21474836"),
    (changed("2011-01-05 10:00:00", "05.01.2011"), 7, "InvoiceDate is '05.01.2011'; expected a time as ISO 8601"),
    (changed("2011-01-05", "2011-02-30"), 7, "InvoiceDate is '2011-02-30 10:00:00'; expected a time as ISO 8601"),
    (changed("17850", "1" * 201), 7, "expected an id of at most 200 printable characters"),
    (changed("17850", "1\x1b8"), 7, "CustomerID is '1\\x1b8.0'; expected an id of at most 200 printable characters"),
    (START + SPANNING.replace(",1,", ",x,"), 7, "Quantity is 'x'"),
    (START + SPANNING.replace('LARGE"', "LARGE"), 7, "is not CSV: unexpected end of data"),
    (START + '3,10001,"RED" MUG,1\n', 7, "is not CSV: ',' expected after '\"'"),
    (changed("MUG", "MÜG").encode("latin-1"), 7, "byte 0xdc is not UTF-8; give the file's encoding, such as cp1252"),
    (START.encode() + b"1,\0", 7, "has a NUL byte; expected a table as CSV or Parquet"),
    (START.encode("utf-16"), 1, "has a NUL byte; expected a table"),
    (b"\x89PNG\r\n\x1a\n", 1, "byte 0x89 is not UTF-8"),
    (gzip.compress(MANY)[:-50_000], None, "the file is broken from here on: Compressed file ended before"),
    (gzip.compress(MANY)[:-8] + b"\1" * 8, 50_002, "the file is broken from here on: CRC check failed"),
    (gzip.compress(b"")[:10] + b"\xff" * 100, None, "cannot be read: Error -3 while decompressing data"),
    (b"\x1f\x8bnonsense", None, "cannot be read: Unknown compression method"),
    (b"PAR1 and nothing else", 1, "is not Parquet: "),
]


@pytest.mark.parametrize(("content", "line", "reason"), UNREADABLE)
def test_a_file_that_cannot_be_read_is_refused_with_line_and_reason(
    tmp_path: Path, content: bytes | str, line: int | None, reason: str
) -> None:
    path = tmp_path / "lines.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UnreadableFile, match=re.escape(reason)) as refusal:
        read_order_lines(path)
    assert str(refusal.value).startswith(str(path))
    if line is not None:
        assert refusal.value.line == line
        assert re.search(rf", (line|row) {line}: ", str(refusal.value))
    else:
        assert refusal.value.line is None or "from here on" in reason


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"none.csv: cannot be read: .*No such file"):
        read_order_lines(tmp_path / "none.csv")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"cannot be read: .*Is a directory"):
        read_order_lines(tmp_path)


def test_the_good_part_of_these_files_is_good(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_text(START, encoding="utf-8")
    assert read_order_lines(path).read == 3
