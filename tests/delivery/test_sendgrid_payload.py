"""The requests made of messages say what SendGrid's own helpers would say, and nothing can break out of its field."""

import json
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.delivery.message import Message
from handlers.delivery.provider import UnfitMessage
from handlers.delivery.sendgrid_payload import Payloads, mail, personal_data, sandboxed
from tests.delivery.sendgrid_messages import message

MAIL_FROM = "Shop <shop@example.com>"
CATEGORY = "weekly recommendations"

texts = st.text(st.characters(exclude_categories=["Cs"]))
one_line_texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])).filter(
    lambda text: text == text.strip()
)
ascii_words = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="<>"), min_size=1)
messages = st.builds(
    Message,
    send_id=texts,
    run=st.sampled_from(["2026-W47", "2026-11-20"]),
    address=st.builds("{}@{}".format, ascii_words, ascii_words).filter(lambda address: len(address) <= 320),
    name=one_line_texts,
    subject=one_line_texts,
    html=texts,
    text=texts,
    unsubscribe_url=ascii_words.map("https://shop.example/{}".format),
)


def payloads() -> Payloads:
    return Payloads(mail_from=MAIL_FROM, category=CATEGORY)


def decoded(email: Message) -> dict[str, Any]:
    request: dict[str, Any] = json.loads(payloads().request(email))
    return request


@given(messages)
def test_the_quick_way_says_what_the_official_helpers_say(email: Message) -> None:
    assert decoded(email) == mail(email, mail_from=MAIL_FROM, category=CATEGORY).get()


def test_a_request_holds_everything_sendgrid_needs_and_nothing_else() -> None:
    assert decoded(message()) == {
        "from": {"email": "shop@example.com", "name": "Shop"},
        "personalizations": [{"to": [{"email": "ann.person@example.com", "name": "Ann Person"}]}],
        "subject": "Five for you",
        "content": [{"type": "text/plain", "value": "five"}, {"type": "text/html", "value": "<p>five</p>"}],
        "headers": {
            "List-Unsubscribe": "<https://shop.example/u?t=abc>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "categories": ["weekly recommendations", "2026-W47"],
        "custom_args": {"send_id": "send-1"},
    }


def test_one_maker_of_requests_serves_several_runs_with_and_without_names() -> None:
    maker = payloads()
    given = [message(run=run, name=name) for run in ("2026-W47", "2026-W48") for name in ("Ann", "", "\t")] * 2
    requests = [json.loads(maker.request(one)) for one in given]
    assert [request["categories"][1] for request in requests] == [one.run for one in given]
    names = [request["personalizations"][0]["to"][0].get("name") for request in requests]
    assert names == ["Ann", None, None] * 4


@pytest.mark.parametrize(
    "text",
    [
        'Ann "the Boss" O\'Hara, Ph.D.',
        "Zoë 👩‍👩‍👧 🇩🇪",
        "\u202bשלום עליכם\u202c",
        "مرحبا",
        "<script>alert(1)</script>",
        "{{name}} %name% -name- \\n",
        "ann@example.com",
    ],
)
def test_unusual_names_and_subjects_arrive_as_they_are(text: str) -> None:
    request = decoded(message(name=text, subject=text))
    assert request["personalizations"][0]["to"][0]["name"] == text
    assert request["subject"] == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_control_character_gets_through_in_a_name_or_subject(text: str) -> None:
    request = decoded(message(name=text, subject=text))
    for said in (request["personalizations"][0]["to"][0].get("name", ""), request["subject"]):
        assert not any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in said)


def test_a_line_break_in_a_subject_becomes_a_space() -> None:
    assert decoded(message(subject="Five\r\nBcc: all@example.com"))["subject"] == "Five Bcc: all@example.com"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@example.com\n",
        "ann@example.com\r\nBcc: bob@example.com",
        "an n@example.com",
        "ann@exam\u00a0ple.com",
        "ann\x00@example.com",
        "ann\u0085@example.com",
        "ann\u2028@example.com",
        "a" * 310 + "@example.com",
    ],
)
def test_an_address_that_is_none_makes_the_message_unfit(address: str) -> None:
    with pytest.raises(UnfitMessage, match=r"^address "):
        payloads().request(message(address=address))


def test_an_address_of_320_characters_is_the_longest() -> None:
    longest = "a" * 308 + "@example.com"
    assert decoded(message(address=longest))["personalizations"][0]["to"][0]["email"] == longest


@pytest.mark.parametrize(
    "url",
    ["", "shop.example/u", "javascript:alert(1)", "https://x/\r\nBcc: a@b", "https://x/>,<mailto:a@b", "https://ü/"],
)
def test_an_unsubscribe_url_that_could_break_its_header_makes_the_message_unfit(url: str) -> None:
    with pytest.raises(UnfitMessage, match=r"^unsubscribe_url "):
        payloads().request(message(unsubscribe_url=url))


@pytest.mark.parametrize("field", ["address", "name", "subject", "html", "text", "send_id", "run"])
def test_text_that_cannot_be_encoded_is_named_and_not_repeated(field: str) -> None:
    secret = "secret@value\ud800"
    with pytest.raises(UnfitMessage, match=rf"^{field} ") as raised:
        payloads().request(replace(message(), **{field: secret}))
    assert "secret" not in str(raised.value)
    # Error trackers follow the chain of exceptions and record what each one holds.
    assert raised.value.__context__ is None
    assert raised.value.__cause__ is None


def test_sandbox_mode_is_all_that_a_sandboxed_request_adds() -> None:
    request = payloads().request(message(name="Zoë 👩‍👩‍👧"))
    expected = json.loads(request) | {"mail_settings": {"sandbox_mode": {"enable": True}}}
    assert json.loads(sandboxed(request)) == expected


def test_the_personal_data_of_a_request_are_found_in_it() -> None:
    assert personal_data(payloads().request(message())) == ("ann.person@example.com", "ann.person", "Ann Person")


@pytest.mark.parametrize("mail_from", ["", "Shop", "<>"])
def test_a_sender_without_an_address_is_refused(mail_from: str) -> None:
    with pytest.raises(ValueError, match=r"^mail_from is "):
        Payloads(mail_from=mail_from, category=CATEGORY)
