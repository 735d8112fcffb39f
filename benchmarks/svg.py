"""Drawings: what lines, bars and words of a plot are in SVG, readable on a light ground and on a dark one."""

from collections.abc import Sequence
from html import escape

SERIES = 6
"""So many kinds of line can be told apart: by colour and by mark."""

_STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.faint { fill: #59636e; font-size: 12px }
.right { text-anchor: end } .middle { text-anchor: middle }
.axis { stroke: #8c959f; stroke-width: 1 } .grid { stroke: #d1d9e0; stroke-width: 1 }
.required { stroke: #1f2328; stroke-width: 2 }
.linear { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 5 4; fill: none }
.line { fill: none; stroke-width: 2 }
.good { fill: #2f6fb3 } .bad { fill: #c0392b }
.s0 { stroke: #2f6fb3; fill: #2f6fb3 } .s1 { stroke: #c4611b; fill: #c4611b } .s2 { stroke: #2d8a57; fill: #2d8a57 }
.s3 { stroke: #8250a8; fill: #8250a8 } .s4 { stroke: #b0316b; fill: #b0316b } .s5 { stroke: #7a6a10; fill: #7a6a10 }
.line.s0, .line.s1, .line.s2, .line.s3, .line.s4, .line.s5 { fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .faint { fill: #9198a1 } .axis { stroke: #6e7781 } .grid { stroke: #30363d }
  .required { stroke: #e6edf3 } .linear { stroke: #9198a1 }
  .good { fill: #58a6e8 } .bad { fill: #f0776a }
  .s0 { stroke: #58a6e8; fill: #58a6e8 } .s1 { stroke: #f0985a; fill: #f0985a } .s2 { stroke: #56c288; fill: #56c288 }
  .s3 { stroke: #c297ea; fill: #c297ea } .s4 { stroke: #f27fb0; fill: #f27fb0 } .s5 { stroke: #d3bf4f; fill: #d3bf4f }
}
"""


def drawing(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """A whole file; `title` is what a screen reader says of it."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """Words, beginning at x unless `kind` says right or middle."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'


def line(points: Sequence[tuple[float, float]], kind: str) -> str:
    """A line through these points."""
    return f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" class="{kind}"/>'


def bar(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2" class="{kind}"/>'


def mark(x: float, y: float, series: int) -> str:
    """The mark of a series at one point: a disc, a square, or a diamond."""
    kind = f"s{series % SERIES}"
    if series % 3 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="{kind}"/>'
    turned = f' transform="rotate(45 {x:.1f} {y:.1f})"' if series % 3 == 2 else ""
    return f'<rect x="{x - 3.6:.1f}" y="{y - 3.6:.1f}" width="7.2" height="7.2" class="{kind}"{turned}/>'
