"""The settings of delivery: who carries the e-mails, how fast, until when, and what their links are signed with."""

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from runtime.settings import Environment

SENDGRID = "https://api.sendgrid.com"

_URL = re.compile(r"https?://[^/\s?#]+(/[^\s?#]*)?")


def _http_url(url: str) -> str:
    if not _URL.fullmatch(url) or not urlsplit(url).hostname:
        raise ValueError("not an HTTP URL")
    return url.rstrip("/")


def _link_keys(keys: SecretStr) -> SecretStr:
    for key in keys.get_secret_value().split(","):
        if len(bytes.fromhex(key.strip())) != 64:
            raise ValueError("not 64 bytes in hexadecimal")
    return keys


Url = Annotated[str, AfterValidator(_http_url)]


class DeliverySettings(Environment):
    """What sending e-mails needs to know. Without an API key nothing is sent."""

    expected: ClassVar[Mapping[str, str]] = {
        "SENDGRID_API_KEY": "a SendGrid API key",
        "SENDGRID_HOST": "https://host, or http://127.0.0.1:port for a stand-in",
        "MAIL_FROM": "an e-mail address",
        "SENDGRID_WEBHOOK_KEY": "the verification key of the signed event webhook; several separated by commas",
        "CUTOVER_PUBLIC_URL": "https://host[/path], under which `cutover serve` is reached from outside",
        "CUTOVER_LINK_KEY": "64 bytes in hexadecimal (128 digits); several separated by commas, the first one signs",
        "CUTOVER_SEND_QUOTA": "requests a second, 0 (unlimited) to 100000",
        "CUTOVER_SEND_BURST": "a whole number from 1 to 10000",
        "CUTOVER_SEND_WITHIN": "a number of seconds from 1 to 604800",
        "CUTOVER_SEND_TRANSIT": "a number of seconds from 0.001 to 300",
    }

    api_key: SecretStr | None = Field(default=None, validation_alias="SENDGRID_API_KEY")
    host: Url = Field(default=SENDGRID, validation_alias="SENDGRID_HOST")
    mail_from: Annotated[str, Field(pattern=r"^[^@\r\n]+@[^@\r\n]+$")] | None = Field(
        default=None, validation_alias="MAIL_FROM"
    )
    webhook_keys: str | None = Field(default=None, validation_alias="SENDGRID_WEBHOOK_KEY")
    public_url: Url = Field(default="http://127.0.0.1:8025", validation_alias="CUTOVER_PUBLIC_URL")
    link_keys: Annotated[SecretStr, AfterValidator(_link_keys)] | None = Field(
        default=None, validation_alias="CUTOVER_LINK_KEY"
    )
    quota: int = Field(default=100, ge=0, le=100_000, validation_alias="CUTOVER_SEND_QUOTA")
    """Requests a second, over all workers; 0: unlimited."""
    burst: int = Field(default=10, ge=1, le=10_000, validation_alias="CUTOVER_SEND_BURST")
    """How many requests may go at once after a pause."""
    within: float = Field(default=7200.0, ge=1, le=604_800, validation_alias="CUTOVER_SEND_WITHIN")
    """Seconds from a campaign's first plan to its end; what is left then is suppressed."""
    transit: float = Field(default=30.0, ge=0.001, le=300, validation_alias="CUTOVER_SEND_TRANSIT")
    """The longest that a request is assumed to be under way to the provider, in seconds."""

    @property
    def configured(self) -> bool:
        """Whether e-mails can be sent."""
        return self.api_key is not None and self.mail_from is not None
