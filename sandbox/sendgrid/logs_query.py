"""The query language of the Email Logs API: conditions joined with AND, over a fixed list of fields."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

_TOKEN = re.compile(r"""\s*(?:(?P<word>[A-Za-z_]+)|(?P<text>"[^"]*"|'[^']*')|(?P<sign>>=|<=|[=<>(),]))""")
_EQUAL = frozenset({"sg_message_id", "subject", "to_email"})
_IN = frozenset({"status", "categories"})
_STATUSES = frozenset({"processed", "delivered", "deferred", "dropped", "bounced", "blocked"})


class BadQuery(ValueError):
    """The query is not of the language; the message says where."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """What a message must fulfil. Times are epoch seconds; None is no condition."""

    equal: dict[str, str] = field(default_factory=dict)
    statuses: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    after: tuple[float, ...] = ()
    not_before: tuple[float, ...] = ()
    before: tuple[float, ...] = ()
    not_after: tuple[float, ...] = ()
    impossible: bool = False

    def in_time(self, wall: float) -> bool:
        """Whether a message created at that time can match."""
        return (
            all(wall > bound for bound in self.after)
            and all(wall >= bound for bound in self.not_before)
            and all(wall < bound for bound in self.before)
            and all(wall <= bound for bound in self.not_after)
        )


def parse(text: str) -> Query:
    """The query in this text; an empty one matches everything. Raises BadQuery."""
    reader = _Reader(text)
    found = _Found()
    if not reader.done():
        reader.condition(found)
    while not reader.done():
        reader.keyword("AND")
        reader.condition(found)
    return found.query()


class _Found:
    """The conditions read so far; two on the same field must both hold."""

    def __init__(self) -> None:
        self.equal: dict[str, str] = {}
        self.sets: dict[str, frozenset[str]] = {}
        self.times: dict[str, list[float]] = {">": [], ">=": [], "<": [], "<=": []}
        self.impossible = False

    def must_equal(self, name: str, value: str) -> None:
        self.impossible |= self.equal.setdefault(name, value) != value

    def must_be_in(self, name: str, values: frozenset[str]) -> None:
        if name in self.sets and name == "categories":
            raise BadQuery("categories is asked for twice; expected one condition on it")
        self.sets[name] = self.sets.get(name, values) & values

    def query(self) -> Query:
        return Query(
            equal=self.equal,
            statuses=self.sets.get("status"),
            categories=self.sets.get("categories"),
            after=tuple(self.times[">"]),
            not_before=tuple(self.times[">="]),
            before=tuple(self.times["<"]),
            not_after=tuple(self.times["<="]),
            impossible=self.impossible,
        )


class _Reader:
    """Reads one token after another."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0

    def done(self) -> bool:
        return self._next >= len(self._tokens)

    def condition(self, found: _Found) -> None:
        name = self._take("word", "a field")
        if name in _EQUAL:
            self._sign("=")
            found.must_equal(name, self._text())
        elif name in _IN:
            self.keyword("IN")
            found.must_be_in(name, self._list(name))
        elif name == "sg_message_id_created_at":
            sign = self._take("sign", "an operator")
            if sign not in found.times:
                raise BadQuery(f"the operator is {sign!r}; expected >, >=, < or <= for {name}")
            self.keyword("TIMESTAMP")
            found.times[sign].append(_instant(self._text()))
        else:
            raise BadQuery(f"{name!r} cannot be asked for")

    def keyword(self, word: str) -> None:
        if (given := self._take("word", word)) != word:
            raise BadQuery(f"{given!r} where {word} was expected")

    def _list(self, name: str) -> frozenset[str]:
        self._sign("(")
        values = [self._text()]
        while self._take("sign", ", or )", peek=True) == ",":
            self._sign(",")
            values.append(self._text())
        self._sign(")")
        if name == "status" and (unknown := sorted(set(values) - _STATUSES)):
            raise BadQuery(f"status is {unknown[0]!r}; expected one of {', '.join(sorted(_STATUSES))}")
        return frozenset(values)

    def _text(self) -> str:
        return self._take("text", "a value in quotes")[1:-1]

    def _sign(self, sign: str) -> None:
        if (given := self._take("sign", sign)) != sign:
            raise BadQuery(f"{given!r} where {sign} was expected")

    def _take(self, kind: str, expected: str, *, peek: bool = False) -> str:
        if self.done():
            raise BadQuery(f"the query ends where {expected} was expected")
        given, text = self._tokens[self._next]
        if given != kind:
            raise BadQuery(f"{text!r} where {expected} was expected")
        self._next += not peek
        return text


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position, text = 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise BadQuery(f"{text[position:].lstrip()[:20]!r} is not understood")
        yield match.lastgroup, match.group(match.lastgroup)
        position = match.end()


def _instant(text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadQuery(f"TIMESTAMP is {text!r}; expected one such as 2026-11-16T09:00:00Z") from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
