"""SendGrid's signed event webhook: ECDSA on P-256 with SHA-256 over the timestamp header and the raw body."""

import base64
import binascii

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from handlers.tracking.errors import BadPublicKey, BadSignature
from runtime.clock import Clock, SystemClock

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"

WINDOW = 48 * 3600
"""Seconds a timestamp may lie away from now.

The provider repeats a body for up to 24 hours under its first timestamp, so a window of minutes would refuse honest
news. Nor is one needed: whoever replays an old body tells what is known already, and the same fact is logged once.
"""

_LONGEST_SIGNATURE = 200
_LONGEST_TIMESTAMP = 12
_EXPECTED = "expected the verification key of SendGrid's signed event webhook (base64, an elliptic curve key on P-256)"


class Verifier:
    """Checks that the owner of one of these public keys signed a body; several of them while keys are changed.

    Raises BadPublicKey for a key that is not one, and for none at all.
    """

    def __init__(self, *public_keys: str, clock: Clock | None = None) -> None:
        if not public_keys:
            raise BadPublicKey(f"there is no public key; {_EXPECTED}")
        self._keys = [_loaded(key) for key in public_keys]
        self._clock = clock or SystemClock()

    def verify(self, body: bytes, signature: str, timestamp: str) -> None:
        """Return if the signature is good. Raises BadSignature if not, or if the timestamp is out of all bounds."""
        self._check_timestamp(timestamp)
        sealed = _decoded(signature)
        signed = timestamp.encode() + body
        if not any(_signed_by(key, sealed, signed) for key in self._keys):
            raise BadSignature("the signature does not belong to this body and timestamp")

    def _check_timestamp(self, timestamp: str) -> None:
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _LONGEST_TIMESTAMP):
            raise BadSignature("the timestamp is no number of seconds")
        if abs(self._clock.now().timestamp() - int(timestamp)) > WINDOW:
            raise BadSignature(f"the timestamp lies more than {WINDOW // 3600} hours away")


def _loaded(public_key: str) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(base64.b64decode("".join(public_key.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise BadPublicKey(f"public key is {_shown(public_key)}; {_EXPECTED}") from problem
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadPublicKey(f"public key {_shown(public_key)} is of another kind; {_EXPECTED}")
    return key


def _shown(public_key: str) -> str:
    return repr(public_key if len(public_key) <= 40 else f"{public_key[:37]}...")


def _decoded(signature: str) -> bytes:
    if len(signature) > _LONGEST_SIGNATURE:
        raise BadSignature("the signature is too long to be one")
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadSignature("the signature is not base64") from problem


def _signed_by(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
