"""What an importer refuses, with the place in the file."""

from pathlib import Path

from sandbox.shop.errors import ShopError


class UnreadableFile(ShopError):
    """{where}: {reason}"""

    def __init__(self, path: Path, line: int | None, reason: str, *, unit: str = "line") -> None:
        super().__init__(where=f"{path}, {unit} {line}" if line else str(path), reason=reason)
        self.path = path
        self.line = line
        self.reason = reason


class BadEncoding(ShopError):
    """encoding is {encoding!r}; expected one that Python knows and that extends ASCII, such as utf-8 or cp1252"""


class BadMapping(ShopError):
    """mapping has {part!r}; expected `field=Column` with one of the fields {fields}"""


class BadPattern(ShopError):
    """product_pattern is {pattern!r}: {problem}; expected a regular expression"""
