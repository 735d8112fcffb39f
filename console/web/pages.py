"""The pages people see: small, self-contained, and without anything a browser could fetch, run or leak."""

import base64
import hashlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

_TEMPLATES = Path(__file__).parent / "templates"
_environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
_style = (_TEMPLATES / "page.css").read_text()
_style_digest = base64.b64encode(hashlib.sha256(_style.encode()).digest()).decode()

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_style_digest}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    # The address of the page is the whole secret of the link.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


class Page(StrEnum):
    """The pages, by their templates."""

    QUESTION = "question.html.j2"
    UNSUBSCRIBED = "unsubscribed.html.j2"
    INVALID = "invalid.html.j2"
    REFUSED = "refused.html.j2"
    LATER = "later.html.j2"


_rendered = {page: _environment.get_template(page.value).render(style=Markup(_style)) for page in Page}  # noqa: S704  # ours


def response(page: Page, status: int = 200, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """The page as an answer. It holds nothing about anybody, and is the same for all."""
    return HTMLResponse(_rendered[page], status, headers={**HEADERS, **(headers or {})})
