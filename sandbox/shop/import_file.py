"""Tables in files: CSV or Parquet, gzipped or plain, told apart by their content and read record by record."""

import codecs
import csv
import gzip
import math
import zlib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.shop.import_errors import BadEncoding, UnreadableFile

Record = tuple[int, Sequence[str]]
"""The number of the line on which a record starts (of the row, in Parquet; 0 for its header), and its cells."""

GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
BROKEN = (OSError, EOFError, zlib.error)


def read_records(path: Path, encoding: str | None = None) -> Iterator[Record]:
    """The header, then every record. A cell is text whatever its type in the file; one without a value is empty.

    CSV is UTF-8 unless `encoding` is given. Raises UnreadableFile, BadEncoding.
    """
    decode = _decoder(encoding)
    with _opened(path) as file:
        if _starts_with(path, file, PARQUET):
            yield from _parquet_records(path, file)
        else:
            yield from _csv_records(path, _text_lines(path, file, decode, encoding or "UTF-8"))


def _opened(path: Path) -> BinaryIO:
    try:
        with path.open("rb") as file:
            gzipped = file.read(2) == GZIP
        return cast(BinaryIO, gzip.open(path)) if gzipped else path.open("rb")
    except OSError as problem:
        raise UnreadableFile(path, None, f"cannot be read: {problem}") from problem


def _starts_with(path: Path, file: BinaryIO, magic: bytes) -> bool:
    try:
        found = file.read(len(magic))
        file.seek(0)
    except BROKEN as problem:
        raise UnreadableFile(path, None, f"cannot be read: {problem}") from problem
    return found == magic


def _decoder(encoding: str | None) -> "codecs._Decoder":
    try:
        info = codecs.lookup(encoding or "utf-8")
        extends_ascii = info.encode("\n")[0] == b"\n"
    except (LookupError, TypeError, ValueError):
        extends_ascii = False
    if not extends_ascii:
        raise BadEncoding(encoding=encoding)
    return info.decode


def _text_lines(path: Path, file: BinaryIO, decode: "codecs._Decoder", encoding: str) -> Iterator[str]:
    number = 0
    try:
        for number, line in enumerate(file, 1):
            raw = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if b"\0" in raw:
                raise UnreadableFile(path, number, "has a NUL byte; expected a table as CSV or Parquet")
            yield decode(raw)[0]
    except UnicodeDecodeError as problem:
        byte = problem.object[problem.start]
        reason = f"byte 0x{byte:02x} is not {encoding}; give the file's encoding, such as cp1252"
        raise UnreadableFile(path, number, reason) from problem
    except BROKEN as problem:
        raise UnreadableFile(path, number + 1, f"the file is broken from here on: {problem}") from problem


def _csv_records(path: Path, lines: Iterator[str]) -> Iterator[Record]:
    reader = csv.reader(lines, strict=True)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as problem:
        raise UnreadableFile(path, start, f"is not CSV: {problem}") from problem


def _parquet_records(path: Path, file: BinaryIO) -> Iterator[Record]:
    row = 0
    try:
        table = pq.ParquetFile(file)
        yield 0, table.schema_arrow.names
        for batch in table.iter_batches():
            columns = [_texts(column) for column in batch.columns]
            for cells in zip(*columns, strict=True):
                row += 1
                yield row, cells
    except (pa.ArrowException, *BROKEN) as problem:
        raise UnreadableFile(path, row + 1, f"is not Parquet: {problem}", unit="row") from problem


def _texts(column: pa.Array) -> list[str]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return [_text(value) for value in column.to_pylist()]


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)
