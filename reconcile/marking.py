"""Marking: two texts line by line side by side, with the words that differ."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TypeAlias

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_BETWEEN_TAGS = re.compile(r"(?<=>)\s*(?=<)")

MOST_WORDS = 300
"""Lines longer than this are marked whole: comparing words takes time in the square of their number."""

CONTEXT = 2
"""Equal lines shown before and after each difference; of longer runs only the number is told."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of a line, and whether the other side has something else there."""

    text: str
    differs: bool


Pieces: TypeAlias = tuple[Piece, ...]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of both texts; None where a text has no such line. `skipped` equal lines stand in for a run."""

    legacy: Pieces | None = None
    event_driven: Pieces | None = None
    skipped: int = 0


def marked(legacy: str, event_driven: str) -> list[Row]:
    """Both texts, aligned by line."""
    return _collapsed(list(_rows(legacy.splitlines(), event_driven.splitlines())))


def marked_markup(legacy: str, event_driven: str) -> list[Row]:
    """Both sources, one element a line."""
    return _collapsed(list(_rows(_BETWEEN_TAGS.split(legacy), _BETWEEN_TAGS.split(event_driven))))


def _rows(one: Sequence[str], other: Sequence[str]) -> Iterator[Row]:
    for tag, i, j, k, m in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        for left, right in _zipped(one[i:j], other[k:m]):
            if tag == "equal" and left is not None:
                piece = (Piece(text=left, differs=False),)
                yield Row(legacy=piece, event_driven=piece)
            else:
                yield _differing(left, right)


def _zipped(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    for rank in range(max(len(one), len(other))):
        yield (one[rank] if rank < len(one) else None), (other[rank] if rank < len(other) else None)


def _differing(left: str | None, right: str | None) -> Row:
    if left is None or right is None:
        return Row(legacy=_whole(left), event_driven=_whole(right))
    words, others = _WORDS.findall(left), _WORDS.findall(right)
    if max(len(words), len(others)) > MOST_WORDS:
        return Row(legacy=_whole(left), event_driven=_whole(right))
    codes = SequenceMatcher(None, words, others, autojunk=False).get_opcodes()
    return Row(
        legacy=_pieces((tag, words[i:j]) for tag, i, j, _, _ in codes),
        event_driven=_pieces((tag, others[k:m]) for tag, _, _, k, m in codes),
    )


def _whole(line: str | None) -> Pieces | None:
    return None if line is None else (Piece(text=line, differs=True),)


def _pieces(parts: Iterator[tuple[str, list[str]]]) -> Pieces:
    """The stretches of one side; white space between two differing ones belongs to them."""
    pieces: list[Piece] = []
    for tag, words in parts:
        piece = Piece(text="".join(words), differs=tag != "equal")
        bridged = len(pieces) > 1 and piece.differs and pieces[-2].differs and pieces[-1].text.isspace()
        if words and bridged:
            pieces[-2:] = [Piece(text=pieces[-2].text + pieces[-1].text + piece.text, differs=True)]
        elif words:
            pieces.append(piece)
    return tuple(pieces)


def _collapsed(rows: list[Row]) -> list[Row]:
    differing = [rank for rank, row in enumerate(rows) if row.legacy != row.event_driven or _marks(row)]
    near = {rank + step for rank in differing for step in range(-CONTEXT, CONTEXT + 1)}
    result: list[Row] = []
    for rank, row in enumerate(rows):
        if rank in near:
            result.append(row)
        elif result and result[-1].skipped:
            result[-1] = Row(skipped=result[-1].skipped + 1)
        else:
            result.append(Row(skipped=1))
    return result


def _marks(row: Row) -> bool:
    return any(piece.differs for piece in (*(row.legacy or ()), *(row.event_driven or ())))
