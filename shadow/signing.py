"""Tokens and what is signed with them: Ed25519 (RFC 8032). Kept is the public key alone, which can sign nothing."""

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shadow.errors import BadToken

PREFIX = "cutover_"
SEED_BYTES = 32


def new_token() -> str:
    """A secret of 32 random bytes, as text. Whoever has it signs in its owner's name."""
    return PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(SEED_BYTES)).decode().rstrip("=")


def public_key(token: str) -> str:
    """What may be kept of a token: its public key, in hexadecimal. Raises BadToken."""
    return _private(token).public_key().public_bytes_raw().hex()


def sign(token: str, statement: bytes) -> str:
    """The token's signature over a statement, in hexadecimal. Raises BadToken."""
    return _private(token).sign(statement).hex()


def verifies(key: str, statement: bytes, signature: str) -> bool:
    """Whether the token of this public key has signed exactly this statement."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def _private(token: str) -> Ed25519PrivateKey:
    body = token.strip().removeprefix(PREFIX)
    try:
        seed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        if not token.strip().startswith(PREFIX) or len(seed) != SEED_BYTES:
            raise BadToken
        return Ed25519PrivateKey.from_private_bytes(seed)
    except (binascii.Error, ValueError) as problem:
        raise BadToken from problem
