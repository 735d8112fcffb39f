"""How an e-mail is written, to the letter."""

from html.parser import HTMLParser
from textwrap import dedent

import pytest

from legacy_cron.weekly_recommendations import Mail, Product, User, compose, one_line
from tests.rule.plain_rule import page_content

MUG = Product("sku/1 ü~", "Mug <big> & 'red'", "£12.05", "https://shop.example/products/sku%2F1%20%C3%BC~")
LAMP = Product("lamp", "Lamp", "£0.05", "https://shop.example/products/lamp")


def mail(name: str, *, user_id: str = "u&1", personal: bool = True) -> Mail:
    user = User(user_id, name, "ann@example.com", True)
    return compose(user, [LAMP, MUG], [(1, 0.75), (0, -0.5)], personal)


def test_the_text_with_markup_and_emoji_in_the_name() -> None:
    written = mail("<b>Zoë</b> 😀")
    assert written.subject == "<b>Zoë</b> 😀, picked for you this week"
    assert written.text == dedent(
        """\
        Hello <b>Zoë</b> 😀,

        Because of what you bought, we think you will like:

        1. Mug <big> & 'red' - £12.05
           https://shop.example/products/sku%2F1%20%C3%BC~
        2. Lamp - £0.05
           https://shop.example/products/lamp

        You get this e-mail because you have an account with us.
        Unsubscribe: https://shop.example/unsubscribe?user=u%261
        """
    )
    assert written.items == (("sku/1 ü~", 0.75), ("lamp", -0.5))


def test_the_text_of_popular_products_for_somebody_without_a_name() -> None:
    written = mail("", personal=False)
    assert written.subject == "This is what everybody is buying"
    assert written.text == dedent(
        """\
        Hello,

        Popular with our customers in the last four weeks:

        1. Mug <big> & 'red' - £12.05
           https://shop.example/products/sku%2F1%20%C3%BC~
        2. Lamp - £0.05
           https://shop.example/products/lamp

        You get this e-mail because you have an account with us.
        Unsubscribe: https://shop.example/unsubscribe?user=u%261
        """
    )


def test_the_page_has_the_agreed_elements_and_escapes_all_text() -> None:
    written = mail('<b>Zoë</b> & "Co"')
    assert "<b>" not in written.html
    assert page_content(written.html) == page_content(
        """<!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>&lt;b&gt;Zoë&lt;/b&gt; &amp; "Co", picked for you this week</title></head>
        <body><h1>Hello &lt;b&gt;Zoë&lt;/b&gt; &amp; "Co",</h1><p>Because of what you bought, we think you will like:</p>
        <ol><li><a href="https://shop.example/products/sku%2F1%20%C3%BC~">Mug &lt;big&gt; &amp; 'red'</a> <span>£12.05</span></li>
        <li><a href="https://shop.example/products/lamp">Lamp</a> <span>£0.05</span></li></ol>
        <p>You get this e-mail because you have an account with us.\n<a href="https://shop.example/unsubscribe?user=u%261">Unsubscribe</a></p></body></html>"""  # noqa: E501
    )


@pytest.mark.parametrize("name", ["", " ", " \r\n ", " \t\u3000"])
def test_a_name_of_nothing_but_space_counts_as_none(name: str) -> None:
    written = mail(name)
    assert written.subject == "Picked for you this week"
    assert written.text.startswith("Hello,\n")
    assert "Hello," in page_content(written.html)


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("Ann\r\nBcc: all", "Ann Bcc: all, picked for you this week"),
        ("a\x00\x1f\x7f\x9f\u2028\u2029b\tc", "a b c, picked for you this week"),
        ("a \n b", "a   b, picked for you this week"),
        (" Ann ", " Ann , picked for you this week"),
        ("{{ 7 * 7 }}", "{{ 7 * 7 }}, picked for you this week"),
    ],
)
def test_control_characters_in_a_name_become_one_space_a_run(name: str, subject: str) -> None:
    written = mail(name)
    assert written.subject == subject
    assert written.text.count("\n") == 11
    assert subject.rsplit(", ", 1)[0] in written.text


def test_control_characters_of_every_kind_and_no_others_are_replaced() -> None:
    controls = [chr(code) for code in [*range(32), *range(127, 160), 0x2028, 0x2029]]
    assert {one_line(control) for control in controls} == {" "}
    assert one_line(" \u00a0\u200b\u00ad~é") == " \u00a0\u200b\u00ad~é"


def test_styles_and_classes_are_all_that_is_added_to_the_page() -> None:
    class Attributes(HTMLParser):
        names: set[str]

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.names |= {f"{tag} {name}" for name, _ in attrs if name not in {"style", "class"}}

    reader = Attributes()
    reader.names = set()
    reader.feed(mail("Ann").html)
    assert reader.names == {"html lang", "meta charset", "a href"}
