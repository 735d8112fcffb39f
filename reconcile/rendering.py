"""Rendering: two pieces of markup to be shown side by side, with the words that differ highlighted in each.

Only text between elements is touched. What comes out is for sandboxed frames and proves nothing: the source, line by
line, does.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_WORDS = 3_000
"""Markup of more words is shown as it is: comparing takes time in the square of their number."""

_HIGHLIGHT = "background:#ffe9a8;color:#1f2328;outline:2px solid #b02a23;outline-offset:1px"

_PARTS = re.compile(
    r"<!--.*?-->|<(style|script|title|textarea|xmp|head)\b.*?</\1\s*>|<[^>]*>|&[#\w]+;|[\w]+|\s+|.", re.S | re.I
)


@dataclass(frozen=True)
class _Part:
    """A tag, with what must not be touched in it, or a word, a mark, white space."""

    source: str

    @property
    def is_word(self) -> bool:
        return not self.source.startswith("<") and not self.source.isspace()


def highlighted(legacy: str, event_driven: str) -> tuple[str, str]:
    """Both, to be rendered."""
    one, other = _parts(legacy), _parts(event_driven)
    words = [[part.source for part in parts if part.is_word] for parts in (one, other)]
    if max(map(len, words)) > MOST_WORDS:
        return legacy, event_driven
    matcher = SequenceMatcher(None, words[0], words[1], autojunk=False)
    codes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    left = {place for _, start, end, _, _ in codes for place in range(start, end)}
    right = {place for _, _, _, start, end in codes for place in range(start, end)}
    return _joined(one, left), _joined(other, right)


def _parts(markup: str) -> list[_Part]:
    return [_Part(found.group()) for found in _PARTS.finditer(markup)]


def _joined(parts: Sequence[_Part], differing: set[int]) -> str:
    return "".join(_marked(parts, differing))


def _marked(parts: Sequence[_Part], differing: set[int]) -> Iterator[str]:
    """The parts, with every stretch of differing words in an element of its own; tags end a stretch."""
    word, stretch, space = 0, "", ""
    for part in parts:
        differs = part.is_word and word in differing
        word += part.is_word
        if differs:
            stretch, space = stretch + space + part.source if stretch else part.source, ""
        elif stretch and part.source.isspace():
            space += part.source
        else:
            yield _element(stretch) + space + part.source
            stretch, space = "", ""
    yield _element(stretch) + space


def _element(stretch: str) -> str:
    return f'<mark style="{_HIGHLIGHT}">{stretch}</mark>' if stretch else ""
