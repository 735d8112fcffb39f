"""The web application on this installation: its database, its keys, and the shop it speaks for."""

import sqlalchemy as sa
from fastapi import FastAPI

from console.keys import unsubscribe_links
from console.web.app import create_app
from console.web.ports import Ports
from console.web.shop import addresses_in_shop, unsubscribe_by_click, unsubscribe_in_shop
from handlers.delivery.settings import DeliverySettings
from handlers.tracking import Intake, Verifier
from runtime.settings import Settings


def application(settings: Settings, engine: sa.Engine, delivery: DeliverySettings) -> FastAPI:
    """The application. Raises WrongUse where a key is missing, BadPublicKey for one that is none."""
    keys = [key.strip() for key in (delivery.webhook_keys or "").split(",") if key.strip()]
    ports = Ports(
        engine=engine,
        verifier=Verifier(*keys) if keys else None,
        intake=Intake(addresses_in_shop, unsubscribe_in_shop),
        links=unsubscribe_links(settings, delivery),
        unsubscriber=unsubscribe_by_click,
    )
    return create_app(ports)
