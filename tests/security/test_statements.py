"""SQL: every statement of the product is a constant, or made of constants; what varies is bound."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.security.sources import ROOT, product_sources

TAKES_SQL = {"text", "execute", "executemany", "exec_driver_sql", "scalar", "scalars", "SQL", "literal_column"}
LIKE_SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|SET|CREATE|DROP|ALTER|TRUNCATE|LOCK|GRANT)\s[A-Z\w*(\"{]")

ARGUED = {
    "console/commands/log.py: table": "a tuple of table names beside it",
    "console/commands/rebuild.py: table": "a tuple of table names in handlers/rebuild.py",
    "handlers/rebuild.py: (f'cutover.{table}' for table in TABLES)": "the same tuple",
    "migrations/versions/0005_delivery.py: function": "names in the file",
    "migrations/versions/0006_judging.py: trigger": "names in the file",
    "migrations/versions/0006_judging.py: function": "names in the file",
    "migrations/versions/0007_stages.py: function": "names in the file",
    "migrations/versions/0007_stages.py: (repr(each) for each in TYPES)": "names in the file",
    "reconcile/unsettled.py: only": "one of two constants",
    "reconcile/unsettled.py: _LEGACY.text": "the text of a constant statement",
    "shadow/recorder.py: (f'CAST(:{name} AS jsonb)' if name == 'inputs' else f':{name}' for name in COLUMNS)": (
        "the names of our own columns"
    ),
}
"""What varies without being a value: names, none of which comes from outside."""


def made_statements(tree: ast.Module) -> Iterator[ast.expr]:
    """Texts put together that are handed to whatever takes SQL, or that begin like SQL wherever they go."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _name(node.func) in TAKES_SQL and is_made(node.args[0]):
            yield node.args[0]
        elif isinstance(node, ast.JoinedStr | ast.BinOp) and LIKE_SQL.match(_beginning(node)):
            yield node


def is_made(expression: ast.expr) -> bool:
    """Whether this is text put together here. What psycopg's `SQL` composes, it quotes."""
    match expression:
        case ast.JoinedStr() | ast.BinOp():
            return True
        case ast.Call(func=ast.Attribute(attr="format", value=base)):
            return not (isinstance(base, ast.Call) and _name(base.func) == "SQL")
    return False


def varying(expression: ast.expr, constants: set[str]) -> Iterator[str]:
    """The parts of a text that are no constants of the module, as source."""
    match expression:
        case ast.JoinedStr(values=parts):
            for part in parts:
                yield from varying(part.value if isinstance(part, ast.FormattedValue) else part, constants)
        case ast.BinOp(left=left, right=right):
            yield from varying(left, constants)
            yield from varying(right, constants)
        case ast.Call(func=ast.Attribute(attr="format" | "join", value=base), args=arguments):
            for each in (base, *arguments):
                yield from varying(each, constants)
        case ast.Name(id=name) if name in constants:
            return
        case ast.Constant():
            return
        case _:
            yield ast.unparse(expression)


def constants_of(tree: ast.Module) -> set[str]:
    """Names in capitals that the module gives to a value, or imports."""
    found: set[str] = set()
    for node in tree.body:
        match node:
            case ast.Assign(targets=targets):
                found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case ast.ImportFrom(names=names):
                found |= {alias.asname or alias.name for alias in names}
    return {name for name in found if name.upper() == name}


def found_in(source: str) -> set[str]:
    """What varies in the statements of a source."""
    tree = ast.parse(source)
    constants = constants_of(tree)
    return {part for made in made_statements(tree) for part in varying(made, constants)}


def test_no_statement_has_a_value_in_it() -> None:
    paths = product_sources()
    assert len(paths) > 200
    found = {f"{path.relative_to(ROOT).as_posix()}: {part}" for path in paths for part in found_in(path.read_text())}
    assert found == ARGUED.keys()


@pytest.mark.parametrize(
    "source",
    [
        "connection.execute(text(f\"SELECT * FROM t WHERE name = '{name}'\"))",
        'connection.execute("SELECT " + name)',
        'sa.text("SELECT {}".format(name))',
        'sa.text("SELECT %s" % name)',
        'statement = f"DELETE FROM t WHERE name = {name}"',
    ],
)
def test_a_statement_with_a_value_in_it_would_be_found(source: str) -> None:
    assert found_in(source) == {"name"}


def _beginning(expression: ast.expr) -> str:
    match expression:
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) | ast.Constant(value=str(text)):
            return text + "x"
        case ast.BinOp(left=left):
            return _beginning(left)
    return ""


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
