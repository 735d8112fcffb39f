"""Keys that this machine makes for itself and keeps in its state directory, where the environment gives none."""

import os
import secrets
from pathlib import Path

from console.failures import WrongUse
from handlers.delivery.settings import DeliverySettings
from handlers.unsubscribe_link import KEY_BYTES, UnsubscribeLinks
from runtime.settings import Settings


def unsubscribe_links(settings: Settings, delivery: DeliverySettings) -> UnsubscribeLinks:
    """The links of this installation.

    On servers of one's own there may be other machines, and links must open on all of them: raises WrongUse when
    CUTOVER_LINK_KEY is not set there.
    """
    if delivery.link_keys is not None:
        keys = [bytes.fromhex(key.strip()) for key in delivery.link_keys.get_secret_value().split(",")]
    elif settings.database_url is None:
        keys = [kept_key(_kept(settings))]
    else:
        raise WrongUse(
            "CUTOVER_LINK_KEY is not set, and unsubscribe links are signed with it on every machine alike; "
            "make one, once and for good, with: openssl rand -hex 64"
        )
    return UnsubscribeLinks(keys, delivery.public_url)


def link_key(settings: Settings) -> dict[str, str]:
    """The variable that lets processes of ours, which are told where our embedded servers are, sign alike."""
    if settings.database_url is not None or os.environ.get("CUTOVER_LINK_KEY"):
        return {}
    return {"CUTOVER_LINK_KEY": kept_key(_kept(settings)).hex()}


def _kept(settings: Settings) -> Path:
    return settings.state_dir / "keys" / "unsubscribe.key"


def kept_key(path: Path) -> bytes:
    """The key in this file, made now if there is none; only its owner can read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    made.touch(mode=0o600)
    made.write_text(secrets.token_hex(KEY_BYTES))
    try:
        # Of two who make one at once, the first wins, and the file is never seen half written.
        path.hardlink_to(made)
    except FileExistsError:
        pass
    finally:
        made.unlink()
    return bytes.fromhex(path.read_text())
