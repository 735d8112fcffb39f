"""Events about one e-mail: what became of it at our gate, and what the provider told of it later.

Each names user and run, and the `send_id` under which the provider knows the e-mail. None holds a name or an address.
"""

from typing import Annotated, Literal

import msgspec

from events.event import IDENTIFIER, Event, Id, instant

Run = Annotated[str, IDENTIFIER]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class EmailEvent(Event, frozen=True, kw_only=True):
    """A fact about the e-mail of one user in one run."""

    user_id: Id
    run: Run
    send_id: Id

    def key(self) -> str | None:
        return self.user_id


class LedgerEvent(EmailEvent, frozen=True, kw_only=True):
    """The send ledger's row became this. `attempt` counts the claims of the row: 0 before the first one."""

    attempt: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]

    def about(self) -> str:
        return f"{self.run}/{self.user_id}#{self.attempt}"


class EmailPlanned(LedgerEvent, frozen=True, kw_only=True):
    """The path that owns the user handed in an e-mail."""

    path: Id


class EmailSuppressed(LedgerEvent, frozen=True, kw_only=True):
    """No e-mail goes to this user in this run, for `reason`."""

    path: Id
    reason: Reason


class EmailAccepted(LedgerEvent, frozen=True, kw_only=True):
    """The provider took it over. `evidence` says how we know; where it is a person, who and why."""

    evidence: Literal["answer", "webhook", "email_logs", "person"]
    by: Id | None = None
    reason: Reason | None = None


class EmailFailed(LedgerEvent, frozen=True, kw_only=True):
    """The provider refused it for good."""

    reason: Reason


class EmailUnconfirmed(LedgerEvent, frozen=True, kw_only=True):
    """It was sent and nobody knows whether the provider took it over."""

    reason: Reason


class EmailReleased(LedgerEvent, frozen=True, kw_only=True):
    """A person decided that it may be sent again, after it failed or could not be confirmed."""

    by: Id
    reason: Reason


class EmailReassigned(LedgerEvent, frozen=True, kw_only=True):
    """Nobody had claimed it, and from now on it belongs to `path`, for `reason`."""

    path: Id
    reason: Reason

    def about(self) -> str:
        return f"{LedgerEvent.about(self)}~{self.path}"


class ProviderEvent(EmailEvent, frozen=True, kw_only=True):
    """The provider told this, once or many times under whatever ids: it is the same fact if it says the same."""

    def about(self) -> str:
        return f"{self.run}/{self.user_id}@{instant(self.occurred_at)}"


class EmailProcessed(ProviderEvent, frozen=True, kw_only=True):
    """The provider has it and will try to deliver it."""


class EmailDeferred(ProviderEvent, frozen=True, kw_only=True):
    """The recipient's server asked to be tried again later."""


class EmailDelivered(ProviderEvent, frozen=True, kw_only=True):
    """The recipient's server took it."""


class EmailBounced(ProviderEvent, frozen=True, kw_only=True):
    """The recipient's server refused it. `permanent`: the address is no good, and gets no more mail from us."""

    permanent: bool
    code: Annotated[str, msgspec.Meta(max_length=20, pattern=r"^[0-9.]*\Z")] = ""

    def about(self) -> str:
        return f"{ProviderEvent.about(self)}~{'permanent' if self.permanent else 'temporary'}{self.code}"


class EmailDropped(ProviderEvent, frozen=True, kw_only=True):
    """The provider took it and then decided against delivering it (its own suppression list, for example)."""


class EmailOpened(ProviderEvent, frozen=True, kw_only=True):
    """Somebody looked at it; or, with `machine`, a scanner fetched its pictures, which says nothing about a person."""

    machine: bool

    def about(self) -> str:
        return f"{ProviderEvent.about(self)}{'~machine' if self.machine else ''}"


class EmailClicked(ProviderEvent, frozen=True, kw_only=True):
    """Somebody followed a link in it."""


class EmailSpamReported(ProviderEvent, frozen=True, kw_only=True):
    """The recipient called it spam, and gets no more mail from us."""


class EmailUnsubscribed(ProviderEvent, frozen=True, kw_only=True):
    """The recipient unsubscribed by the provider's own link."""


EMAIL_EVENTS = (
    EmailPlanned,
    EmailSuppressed,
    EmailAccepted,
    EmailFailed,
    EmailUnconfirmed,
    EmailReleased,
    EmailReassigned,
    EmailProcessed,
    EmailDeferred,
    EmailDelivered,
    EmailBounced,
    EmailDropped,
    EmailOpened,
    EmailClicked,
    EmailSpamReported,
    EmailUnsubscribed,
)
