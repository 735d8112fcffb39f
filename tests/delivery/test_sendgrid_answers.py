"""What responses of SendGrid mean, as a table."""

import json

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from handlers.delivery.provider import Accepted, Allowance, Answer, NotAccepted, Refused, Unconfirmed
from handlers.delivery.sendgrid_answers import LONGEST_SILENCE, allowance, classify
from handlers.delivery.sendgrid_failures import failure
from handlers.delivery.sendgrid_reasons import MAX_READ, MAX_REASON, http_reason

NOW = 1_763_974_800.0  # Mon, 24 Nov 2025 09:00:00 GMT
DATE = "Mon, 24 Nov 2025 09:00:00 GMT"


def errors(message: object, field: object = None) -> bytes:
    return json.dumps({"errors": [{"message": message, "field": field, "help": None}, {"message": "second"}]}).encode()


@pytest.mark.parametrize(
    ("status", "headers", "body", "answer"),
    [
        (202, {"X-Message-Id": "m-1"}, b"", Accepted("m-1")),
        (202, {"x-message-id": "m-1"}, b"", Accepted("m-1")),
        (202, {}, b"", Accepted("")),
        (202, {"X-Message-Id": "m\udcff1"}, b"", Accepted("")),
        (200, {}, b"{}", Accepted("")),
        (299, {}, b"", Accepted("")),
        (429, {"Retry-After": "7"}, b"", NotAccepted("http_429", retry_after=7.0, throttled=True)),
        (429, {"Retry-After": "0"}, b"", NotAccepted("http_429", retry_after=0.0, throttled=True)),
        (
            429,
            {"Retry-After": "0", "X-RateLimit-Reset": "1763974809"},
            b"",
            NotAccepted("http_429", retry_after=0.0, throttled=True),
        ),
        (
            429,
            {"Retry-After": "Mon, 24 Nov 2025 09:00:30 GMT"},
            b"",
            NotAccepted("http_429", retry_after=30.0, throttled=True),
        ),
        (
            429,
            {"Retry-After": "Mon, 24 Nov 2025 08:00:00 GMT"},
            b"",
            NotAccepted("http_429", retry_after=0.0, throttled=True),
        ),
        (429, {"X-RateLimit-Reset": "1763974809"}, b"", NotAccepted("http_429", retry_after=9.0, throttled=True)),
        (
            429,
            {"X-RateLimit-Reset": "1763974809", "Date": "Mon, 24 Nov 2025 09:00:05 GMT"},
            b"",
            NotAccepted("http_429", retry_after=4.0, throttled=True),
        ),
        (429, {"X-RateLimit-Reset": "1763974800"}, b"", NotAccepted("http_429", retry_after=1.0, throttled=True)),
        (429, {"X-RateLimit-Reset": "999999999999"}, b"", NotAccepted("http_429", retry_after=3600.0, throttled=True)),
        (429, {"Retry-After": "86400000"}, b"", NotAccepted("http_429", retry_after=3600.0, throttled=True)),
        (
            503,
            {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"},
            b"",
            NotAccepted("http_503", retry_after=3600.0),
        ),
        (429, {"Retry-After": "soon", "X-RateLimit-Reset": "-1"}, b"", NotAccepted("http_429", throttled=True)),
        (429, {}, errors("too many requests"), NotAccepted("http_429 too many requests", throttled=True)),
        (503, {"Retry-After": "120"}, b"", NotAccepted("http_503", retry_after=120.0)),
        (503, {"X-RateLimit-Reset": "1763974809"}, b"<html>", NotAccepted("http_503")),
        (401, {}, errors("authorization required"), NotAccepted("http_401 authorization required")),
        (403, {}, errors("access forbidden"), NotAccepted("http_403 access forbidden")),
        (408, {}, b"", NotAccepted("http_408")),
        (301, {"Location": "https://elsewhere"}, b"", NotAccepted("http_301")),
        (307, {}, b"", NotAccepted("http_307")),
        (
            400,
            {},
            errors("Does not contain a valid address.", "personalizations.0.to.0.email"),
            Refused("http_400 personalizations.0.to.0.email: Does not contain a valid address."),
        ),
        (413, {}, b"", Refused("http_413")),
        (404, {}, b"not json", NotAccepted("http_404")),
        (405, {}, b"", NotAccepted("http_405")),
        (410, {}, b"not json", Refused("http_410")),
        (500, {}, b"", Unconfirmed("http_500")),
        (502, {"Retry-After": "5"}, b"", Unconfirmed("http_502")),
        (504, {}, b"", Unconfirmed("http_504")),
        (520, {}, b"", Unconfirmed("http_520")),
        (101, {}, b"", Unconfirmed("http_101")),
        (999, {}, b"", Unconfirmed("http_999")),
    ],
)
def test_a_response_has_one_meaning(status: int, headers: dict[str, str], body: bytes, answer: Answer) -> None:
    assert classify(status, CIMultiDict(headers), body, now=NOW) == answer


header_names = st.sampled_from(["Retry-After", "X-RateLimit-Reset", "X-RateLimit-Remaining", "Date", "X-Message-Id"])
header_values = st.one_of(
    st.text(), st.integers().map(str), st.just(DATE), st.sampled_from(["Mon, 99 Nov 2025 09:00:00 GMT", "٣", "1e9"])
)
bodies = st.one_of(
    st.binary(),
    st.builds(errors, st.one_of(st.text(), st.none(), st.integers()), st.one_of(st.text(), st.none())),
    st.sampled_from([b"[" * 5000, b'{"errors":' * 5000, b'{"errors":[{"message":"\\ud800"}]}', b'{"errors":[]}']),
)


@given(st.integers(0, 999), st.dictionaries(header_names, header_values), bodies)
def test_every_response_has_a_meaning_and_a_short_printable_reason(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    answer = classify(status, headers, body, now=NOW)
    if isinstance(answer, Accepted):
        assert answer.message_id.isascii()
        return
    assert answer.reason.startswith(f"http_{status}")
    assert len(answer.reason) <= MAX_REASON
    assert answer.reason.isprintable()
    if isinstance(answer, NotAccepted) and answer.retry_after is not None:
        assert 0 <= answer.retry_after <= LONGEST_SILENCE


@given(st.dictionaries(header_names, header_values))
def test_an_allowance_is_never_negative(headers: dict[str, str]) -> None:
    allowed = allowance(headers, now=NOW)
    assert allowed is None or (allowed.remaining >= 0 and allowed.reset_after >= 0)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "1763974860"}, Allowance(5, 60.0)),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1763974000"}, Allowance(0, 0.0)),
        (
            {"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "1763974860", "Date": "Mon, 24 Nov 2025 09:00:59 GMT"},
            Allowance(5, 1.0),
        ),
        ({"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "1763974860", "Date": "today"}, Allowance(5, 60.0)),
        ({"X-RateLimit-Remaining": "5"}, None),
        ({"X-RateLimit-Reset": "1763974860"}, None),
        ({"X-RateLimit-Remaining": "many", "X-RateLimit-Reset": "1763974860"}, None),
        ({"X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "1763974860"}, None),
        ({"X-RateLimit-Remaining": "٣", "X-RateLimit-Reset": "1763974860"}, None),
    ],
)
def test_an_allowance_needs_both_of_its_headers(headers: dict[str, str], expected: Allowance | None) -> None:
    assert allowance(headers, now=NOW) == expected


@pytest.mark.parametrize(
    "told",
    [
        "ann.person@example.com",
        "<ann.person@example.com>",
        "ANN.PERSON@EXAMPLE.COM",
        "mailto:ann.person@example.com?x",
        "ann.person%40example.com",
        "ann.person&#64;example.com",
        "ann.person＠example.com",
        '"ann person"@example.com',
        "ann.person@",
        "ann.person+tag@sub.example.com",
        "o'ann.person@example.com",
    ],
)
def test_whatever_looks_like_an_address_is_hidden_from_a_reason(told: str) -> None:
    reason = http_reason(400, errors(f"Bad address {told} given"))
    assert "***" in reason
    assert reason.startswith("http_400 Bad address ")
    assert reason.endswith(" given")
    assert "person" not in reason.lower()
    assert "example" not in reason.lower()


def test_what_is_known_to_be_private_is_hidden_whole_and_in_parts() -> None:
    body = errors("Name Ann van 小明 (Ann) or PERSON is bad, SG.abc.def too; handed over to Annette")
    assert http_reason(400, body, private=("Ann van Person", "小明")) == (
        "http_400 Name *** *** *** (***) or *** is bad, *** too; handed over to Annette"
    )


def test_a_reason_is_cut_only_after_everything_private_is_hidden() -> None:
    reason = http_reason(400, errors("x" * 180 + " ann.person@example.com"))
    assert len(reason) <= MAX_REASON
    assert "ann" not in reason


def test_a_long_reason_is_cut() -> None:
    assert http_reason(400, errors("x" * 500)) == "http_400 " + "x" * (MAX_REASON - 9)


def test_a_body_nested_too_deep_to_be_read_explains_nothing() -> None:
    assert http_reason(400, b'{"errors":[{"x":' + b"[" * 50_000) == "http_400"


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (aiohttp.SocketTimeoutError(), "read_timeout"),
        (aiohttp.ConnectionTimeoutError(), "connect_timeout"),
        (TimeoutError(), "total_timeout"),
        (aiohttp.ServerDisconnectedError(), "connection_closed"),
        (aiohttp.ClientOSError(104, "ann@example.com"), "connection_reset"),
        (ConnectionResetError(), "connection_reset"),
        (aiohttp.ClientPayloadError(), "transport_failed"),
        (RuntimeError("ann@example.com"), "transport_failed"),
    ],
)
def test_a_failure_leaves_an_e_mail_unconfirmed_only_if_its_request_had_begun(
    error: Exception, reason: str, *, begun: bool
) -> None:
    assert failure(error, begun=begun) == (Unconfirmed(reason) if begun else NotAccepted(reason))


def test_of_what_is_told_at_length_whole_words_are_looked_at() -> None:
    """Half an address, cut off before its sign, would not be seen to be one."""
    hidden = "y" * (MAX_READ - 20) + "@example.com"
    assert http_reason(400, errors(f"{hidden} ann.person.with.a.name@example.com")) == "http_400 ***"
    assert http_reason(400, errors("y" * 5 * MAX_READ)) == "http_400"
