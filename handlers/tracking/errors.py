"""What can be wrong with what a provider's webhook is handed. No message holds anything of the body."""


class TrackingError(Exception):
    """Tracking cannot do this."""


class BadPublicKey(TrackingError):
    """The provider's public key cannot be used."""


class BadSignature(TrackingError):
    """The provider has not signed this."""


class BadBody(TrackingError):
    """The body as a whole is not what the provider sends."""
