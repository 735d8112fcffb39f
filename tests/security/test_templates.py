"""Templates: whatever makes HTML escapes what it is given; what does not, makes plain text."""

import ast
from collections.abc import Iterator

from handlers.composition import Offer, compose
from tests.security.sources import ROOT, product_sources

NASTY = "\"><script>alert('x')</script><a href='javascript:x'>"

ARGUED = {
    # The text part of an e-mail, which nobody reads as HTML.
    ("handlers/composition.py", "False"),
    # Frozen. Its one HTML template has a name that ends so; the other one is the text part.
    ("legacy_cron/weekly_recommendations.py", "jinja2.select_autoescape(['html.j2'])"),
}


def environments(tree: ast.Module) -> Iterator[str]:
    """What each Jinja2 environment in a source says of escaping; empty if nothing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Environment", "jinja2.Environment"):
            said = {word.arg: ast.unparse(word.value) for word in node.keywords}
            yield said.get("autoescape", "")


def test_every_environment_escapes_or_makes_plain_text() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), said)
        for path in product_sources()
        for said in environments(ast.parse(path.read_text()))
    }
    assert {path for path, _ in found} >= {
        "console/web/pages.py",
        "handlers/composition.py",
        "reconcile/page.py",
        "sandbox/sendgrid/mailbox.py",
    }
    assert {(path, said) for path, said in found if said != "True"} <= ARGUED


def test_no_template_is_told_not_to_escape() -> None:
    templates = [path for path in ROOT.rglob("*.j2") if not {".venv", ".cutover"} & {*path.parts}]
    assert len(templates) >= 8
    assert [path.name for path in templates if "|safe" in path.read_text().replace(" ", "")] == []
    assert [path.name for path in templates if "autoescape" in path.read_text()] == []


def test_a_nasty_name_does_not_get_out_of_its_place_in_an_e_mail() -> None:
    html = compose(NASTY, NASTY, [Offer(NASTY, NASTY, 5)], personal=True).html
    assert "<script" not in html
    assert "href='javascript" not in html
    assert "&lt;script&gt;" in html
