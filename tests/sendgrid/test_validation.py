"""The rules of mail/send, one by one, and all together."""

from typing import Any

import msgspec
import pytest
from sendgrid.helpers.mail import (
    Category,
    Content,
    CustomArg,
    Email,
    Header,
    Mail,
    MailSettings,
    SandBoxMode,
    To,
)

from sandbox.sendgrid.mail import MalformedRequest, Submission, decode
from sandbox.sendgrid.validation import UnsoundRequest, check
from tests.sendgrid.client import mail

A = {"email": "a@example.com"}
PLAIN = {"type": "text/plain", "value": "x"}
HTML = {"type": "text/html", "value": "<p>x</p>"}


def checked(request: object) -> Submission:
    return check(decode(msgspec.json.encode(request)))


def problems(request: object) -> list[tuple[str | None, str]]:
    with pytest.raises(UnsoundRequest) as caught:
        checked(request)
    return [(problem.field, problem.message) for problem in caught.value.problems]


def to(**changes: object) -> dict[str, Any]:
    return mail(personalizations=[{"to": [A], **changes}])


def test_a_sound_request_says_what_goes_to_whom() -> None:
    found = checked(mail(custom_args={"run": "2026-W47", "send_id": "of the request"}))
    assert found.sender.email == "shop@example.com"
    assert found.categories == ("2026-W47",)
    assert found.addressed[0].to.email == "ada@example.com"
    assert found.addressed[0].custom_args == {"run": "2026-W47", "send_id": "s-1"}
    assert found.addressed[0].subject == "Five picks"
    assert not found.sandboxed


def test_every_recipient_counts_and_a_personalization_may_have_its_own_subject() -> None:
    found = checked(mail(personalizations=[to(cc=[{"email": "b@example.com"}], subject="Hers")["personalizations"][0]]))
    assert [(one.to.email, one.subject) for one in found.addressed] == [
        ("a@example.com", "Hers"),
        ("b@example.com", "Hers"),
    ]


@pytest.mark.parametrize(
    ("request_", "field", "words"),
    [
        (mail(personalizations=None), "personalizations", "at least one"),
        (mail(personalizations=[]), "personalizations", "at least one"),
        (mail(personalizations=[{"to": [A]}] * 1001), "personalizations", "limited to 1000"),
        (mail(personalizations=["x"]), "personalizations.0", "object"),
        (mail(personalizations=[{}]), "personalizations.0.to", "to array is required"),
        (mail(personalizations=[{"to": []}]), "personalizations.0.to", "to array is required"),
        (mail("nobody"), "personalizations.0.to.0.email", "Does not contain a valid address."),
        (mail("no body@example.com"), "personalizations.0.to.0.email", "valid address"),
        (mail("a@b@example.com"), "personalizations.0.to.0.email", "valid address"),
        (mail("a@localhost"), "personalizations.0.to.0.email", "valid address"),
        (mail("a..b@example.com"), "personalizations.0.to.0.email", "valid address"),
        (mail("ada@example.com\n"), "personalizations.0.to.0.email", "valid address"),
        (mail("ada@invalid.example"), "personalizations.0.to.0.email", "valid address"),
        (mail(f"{'x' * 65}@example.com"), "personalizations.0.to.0.email", "valid address"),
        (mail(personalizations=[{"to": [{"name": "A"}]}]), "personalizations.0.to.0.email", "valid address"),
        (mail(personalizations=[{"to": [{**A, "name": "A\r\nBcc: x"}]}]), "personalizations.0.to.0.name", "CRLF"),
        (to(cc=[{"email": "A@example.com"}]), "personalizations.0", "unique between to, cc, and bcc"),
        (to(cc="x"), "personalizations.0.cc", "array"),
        (mail(personalizations=[{"to": [A, A]}]), "personalizations.0", "personalizations.0.to field"),
        (to(subject=""), "personalizations.0.subject", "at least one character"),
        (to(custom_args={"n": 1}), "personalizations.0.custom_args", "must be strings"),
        (to(headers={"Bcc": "x"}), "personalizations.0.headers.Bcc", "reserved"),
        (mail(sender=None), "from.email", "must be provided"),
        (mail(sender={"email": "shop"}), "from.email", "The from email does not contain a valid address."),
        (mail(subject=None), "subject", "The subject is required"),
        (mail(subject=""), "subject", "at least one character"),
        (mail(subject="a\nb"), "subject", "CRLF"),
        (mail(content=None), "content", "the content parameter is required"),
        (mail(content=[]), "content", "at least one defined content block"),
        (mail(content=[HTML, PLAIN]), "content", "text/plain needs to be first"),
        (mail(content=[{"type": "text/calendar", "value": "x"}, HTML]), "content", "RFC 1341"),
        (mail(content=[{**PLAIN, "value": ""}]), "content.0.value", "at least one character"),
        (mail(content=[PLAIN, {"value": "x"}]), "content.1.type", "at least one character"),
        (mail(content=[{**PLAIN, "type": "text/plain; charset=x"}]), "content.0.type", "';'"),
        (mail(categories="x"), "categories", "array of strings"),
        (mail(categories=[str(n) for n in range(11)]), "categories", "limit of 10"),
        (mail(categories=["a", "a"]), "categories", "[a] more than once"),
        (mail(categories=["x" * 256]), "categories", "255"),
        (mail(categories=["ü"]), "categories", "non-ASCII"),
        (mail(custom_args={"n": None}), "custom_args", "must be strings"),
        (mail(personalizations=[{"to": [A]}], custom_args={"n": "x" * 9_999}), "custom_args", "10,000 bytes"),
        (mail(headers={"X-SG-ID": "x"}), "headers.X-SG-ID", "reserved"),
        (mail(headers={"Reply-To": "x"}), "headers.Reply-To", "reserved"),
        (mail(headers={"X-A": "x\r\nBcc: y"}), "headers.X-A", "CRLF"),
        (mail(headers={"X A": "x"}), "headers.X A", "empty spaces"),
        (mail(headers={"X-A": 1}), "headers", "must be strings"),
        (mail(headers={"X-A": "1", "x-a": "2"}), "headers", "duplicate"),
        (mail(reply_to={"email": "x"}), "reply_to.email", "valid address"),
        (mail(send_at="now"), "send_at", "Unix timestamp"),
        (mail(batch_id=1), "batch_id", "string"),
        (
            mail(mail_settings={"sandbox_mode": {"enable": "yes"}}),
            "mail_settings.sandbox_mode.enable",
            "boolean",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_field(request_: object, field: str, words: str) -> None:
    found = problems(request_)
    assert [place for place, _ in found] == [field]
    assert words in found[0][1]


def test_custom_arguments_of_request_and_personalization_count_together() -> None:
    found = problems(mail(send_id="x" * 5_000, custom_args={"n": "x" * 5_000}))
    assert found[0][0] == "personalizations.0.custom_args"


def test_all_that_is_wrong_is_told_at_once() -> None:
    request = mail("nobody", subject="", content=[{**HTML, "value": ""}], categories=["a", "a"], sender=None)
    assert [field for field, _ in problems(request)] == [
        "personalizations.0.to.0.email",
        "from.email",
        "subject",
        "content.0.value",
        "categories",
    ]


@pytest.mark.parametrize(
    "request_",
    [
        mail(subject=None, template_id="d-1", content=None),
        mail(personalizations=[{"to": [A], "subject": "Hers"}], subject=None),
        mail(send_at=1_800_000_000, batch_id="b", reply_to=A),
        mail("x+tag@sub.example.co.uk"),
        mail("o'brien@example.com"),
        mail(content=[PLAIN]),
        mail(content=[HTML]),
        mail(content=[PLAIN, HTML, {"type": "text/calendar", "value": "x"}]),
        mail(headers={"List-Unsubscribe": "<https://shop.example/u>"}),
    ],
)
def test_what_sendgrid_takes_is_sound(request_: object) -> None:
    assert checked(request_).addressed


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"a":', b'{"subject": "\xff"}', b"[" * 100_000])
def test_a_body_without_a_json_object_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        decode(body)


def test_a_mail_from_the_official_helpers_is_sound() -> None:
    built = Mail(
        from_email=Email("shop@example.com", "Shop"),
        to_emails=To("ada@example.com", "Ada"),
        subject="Five picks",
        plain_text_content=Content("text/plain", "Hello"),
        html_content=Content("text/html", "<p>Hello</p>"),
    )
    built.category = Category("2026-W47")
    built.custom_arg = CustomArg("send_id", "s-1")
    built.header = Header("List-Unsubscribe", "<https://shop.example/u>")
    built.mail_settings = MailSettings(sandbox_mode=SandBoxMode(True))
    found = checked(built.get())
    assert found.sandboxed
    assert found.addressed[0].send_id == "s-1"
    assert found.addressed[0].to.name == "Ada"
