"""The webhook's signature: what the provider signed, and nothing else."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from sendgrid.helpers.eventwebhook import EventWebhook

from handlers.tracking import BadPublicKey, BadSignature, Verifier
from runtime.clock import ManualClock
from tests.tracking.mailbox import Provider

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
PROVIDER = Provider()
VERIFIER = Verifier(PROVIDER.public_key, clock=ManualClock(NOW))
BODY = b'[{"event":"processed"}]\r\n'


def test_what_the_provider_signed_is_good() -> None:
    VERIFIER.verify(BODY, PROVIDER.sign(BODY, STAMP), STAMP)


def test_the_providers_own_library_agrees() -> None:
    theirs = EventWebhook(PROVIDER.public_key)
    assert theirs.verify_signature(BODY.decode(), PROVIDER.sign(BODY, STAMP), STAMP)


@given(st.binary(max_size=40))
def test_another_body_is_refused(body: bytes) -> None:
    with pytest.raises(BadSignature):
        VERIFIER.verify(body, PROVIDER.sign(BODY, STAMP), STAMP)


@given(st.text(max_size=120))
def test_a_made_up_signature_is_refused(signature: str) -> None:
    with pytest.raises(BadSignature):
        VERIFIER.verify(BODY, signature, STAMP)


def test_another_timestamp_another_key_and_a_huge_signature_are_refused() -> None:
    for signature, stamp in [
        (PROVIDER.sign(BODY, STAMP), str(int(STAMP) + 1)),
        (Provider().sign(BODY, STAMP), STAMP),
        ("A" * 10_000_000, STAMP),
    ]:
        with pytest.raises(BadSignature):
            VERIFIER.verify(BODY, signature, stamp)


@pytest.mark.parametrize("stamp", ["", " 1", "-1", "1e9", "1_0", "٣", "9" * 13, "9" * 5000, f"{STAMP}.0", "\ud800"])
def test_a_timestamp_that_is_no_number_of_seconds_is_refused(stamp: str) -> None:
    with pytest.raises(BadSignature, match="timestamp"):
        VERIFIER.verify(BODY, "AAAA", stamp)


@pytest.mark.parametrize(("hours", "good"), [(-24, True), (-47, True), (-49, False), (47, True), (49, False)])
def test_a_body_repeated_a_day_later_is_good_and_one_from_another_week_is_not(hours: int, good: bool) -> None:
    stamp = str(int((NOW + timedelta(hours=hours)).timestamp()))
    signature = PROVIDER.sign(BODY, stamp)
    if good:
        VERIFIER.verify(BODY, signature, stamp)
    else:
        with pytest.raises(BadSignature, match="48 hours"):
            VERIFIER.verify(BODY, signature, stamp)


def test_while_keys_are_changed_both_are_good() -> None:
    other = Provider()
    both = Verifier(PROVIDER.public_key, other.public_key, clock=ManualClock(NOW))
    both.verify(BODY, PROVIDER.sign(BODY, STAMP), STAMP)
    both.verify(BODY, other.sign(BODY, STAMP), STAMP)


def test_a_key_copied_with_line_breaks_is_good() -> None:
    broken = f"{PROVIDER.public_key[:60]}\n{PROVIDER.public_key[60:]}\n"
    Verifier(broken, clock=ManualClock(NOW)).verify(BODY, PROVIDER.sign(BODY, STAMP), STAMP)


def spki(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> str:
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def test_a_key_that_is_none_is_refused_at_once() -> None:
    bad = [
        "",
        "SG.something",
        "é",
        base64.b64encode(b"no key").decode(),
        PROVIDER.public_key[:-8],
        spki(ec.generate_private_key(ec.SECP384R1()).public_key()),
        spki(rsa.generate_private_key(65537, 2048).public_key()),
    ]
    for key in bad:
        with pytest.raises(BadPublicKey, match="expected the verification key"):
            Verifier(key)
    with pytest.raises(BadPublicKey, match="there is no public key"):
        Verifier()
