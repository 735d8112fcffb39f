"""The signature of the event webhook: ECDSA over timestamp and raw body, with P-256 and SHA-256."""

import base64
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sandbox.sendgrid.options import BadOption

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


class Signer:
    """Signs bodies with one private key; without a key, nothing."""

    def __init__(self, pem: Path | None) -> None:
        self._key = None if pem is None else _load(pem)

    def headers(self, body: bytes) -> dict[str, str]:
        """The headers that go with this body if it is posted now."""
        if self._key is None:
            return {}
        moment = str(int(time.time()))
        signature = self._key.sign(moment.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: moment}


def _load(pem: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BadOption(f"webhook_key {pem} cannot be read: {error}; expected a private key in PEM form") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadOption(f"webhook_key {pem} is of another kind; expected an EC key on the curve P-256")
    return key
