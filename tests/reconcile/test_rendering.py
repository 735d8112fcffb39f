"""Side by side, the words that differ are highlighted, and nothing else of the markup changes."""

import re

from hypothesis import given
from hypothesis import strategies as st

from reconcile.rendering import highlighted

MARK = re.compile(r"<mark style=[^>]*>(.*?)</mark>", re.S)


def marks(markup: str) -> list[str]:
    return MARK.findall(markup)


def test_words_that_differ_are_highlighted_on_both_sides() -> None:
    one, other = highlighted("<p>Hello <b>Ada</b>, yours</p>", "<p>Hello <b>u1</b>, yours</p>")
    assert marks(one) == ["Ada"]
    assert marks(other) == ["u1"]


def test_neighbouring_words_are_one_stretch_and_tags_end_it() -> None:
    one, other = highlighted("<p>same</p>", "<p>same new words <i>and more</i></p>")
    assert marks(one) == []
    assert marks(other) == ["new words", "and more"]


def test_what_is_not_shown_is_not_touched() -> None:
    head = "<head><title>x</title></head><style>p {{ color: {0} }}</style><!-- {0} --><p title='{0}'>words</p>"
    assert highlighted(head.format("red"), head.format("blue")) == (head.format("red"), head.format("blue"))


@given(st.text(alphabet="ab <>/&;!-\"'=é\n", max_size=60), st.text(alphabet="ab <>/&;!-\"'=é\n", max_size=60))
def test_without_the_highlights_both_sides_are_what_they_were(legacy: str, event_driven: str) -> None:
    one, other = highlighted(legacy, event_driven)
    assert MARK.sub(r"\1", one) == legacy
    assert MARK.sub(r"\1", other) == event_driven
