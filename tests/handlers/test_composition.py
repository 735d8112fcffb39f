"""The e-mail says what docs/rule.md says, whatever names contain."""

from hypothesis import example, given
from hypothesis import strategies as st

from console.weekly_policy import POLICY
from handlers.composition import Offer, compose, published
from tests.rule import plain_rule
from tests.rule.shop_tables import Product, User

NASTY = (
    "<b>Ann</b> & \"Bob\" 'C'",
    "a\r\nBcc: everybody@example.com",
    "שלום עולם",
    "👩‍🚀\u2028\x00",
    " \n ",
    "",
    "{{ 7 * 7 }}{% raw %}",
)
texts = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
offers = st.lists(st.builds(Offer, ids, texts, st.integers(0, 10**7)), min_size=1, max_size=5)


@given(user_id=ids, name=texts, shown=offers, personal=st.booleans())
@example(user_id="a/b?c&d", name=NASTY[1], shown=[Offer("50% é", NASTY[0], 5)], personal=True)
def test_an_email_reads_as_the_rule_says(user_id: str, name: str, shown: list[Offer], personal: bool) -> None:
    email = compose(user_id, name, shown, personal=personal)
    products = [Product(product_id=each.product_id, name=each.name, price=each.price) for each in shown]
    expected = plain_rule.e_mail(User(user_id=user_id, name=name), products, (), personal)
    assert (email.subject, email.text) == (expected.subject, expected.text)
    assert plain_rule.page_content(email.html) == expected.html
    assert "\n" not in email.subject


def test_styles_are_inlined_once_and_no_style_element_is_left() -> None:
    assert published() is published()
    html = compose("7", "Ann", [Offer("a", "Mug", 5)], personal=True).html
    assert "<style" not in html
    assert "style=" in html


def test_what_is_compared_of_the_html_has_neither_styles_nor_space_between_elements() -> None:
    html = compose("7", "Ann", [Offer("a", "Blue  Mug", 5)], personal=True).html
    normalised = POLICY.normalise({"html": html, "subject": "s"})
    assert normalised["subject"] == "s"
    assert normalised["html"] == (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Ann, picked for you this week</title></head>'
        "<body><h1>Hello Ann,</h1><p>Because of what you bought, we think you will like:</p>"
        '<ol><li><a href="https://shop.example/products/a">Blue  Mug</a><span>£0.05</span></li></ol>'
        "<p>You get this e-mail because you have an account with us."
        '<a href="https://shop.example/unsubscribe?user=7">Unsubscribe</a></p></body></html>'
    )
