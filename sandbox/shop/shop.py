"""The shop at work: each action writes its rows and emits its event in the caller's one transaction."""

from collections.abc import Callable

import msgspec

from sandbox.shop import actions
from sandbox.shop.actions import Action
from sandbox.shop.catalogue import add_product, change_product, retire_product
from sandbox.shop.customers import register_user, resubscribe, unsubscribe
from sandbox.shop.orders import cancel_order, place_order, return_items
from sandbox.shop.transaction import Transaction

PERFORMED_BY: dict[type[Action], Callable[..., None]] = {
    actions.RegisterUser: register_user,
    actions.Unsubscribe: unsubscribe,
    actions.Resubscribe: resubscribe,
    actions.AddProduct: add_product,
    actions.ChangeProduct: change_product,
    actions.RetireProduct: retire_product,
    actions.PlaceOrder: place_order,
    actions.CancelOrder: cancel_order,
    actions.ReturnItems: return_items,
}


def perform(session: Transaction, action: Action) -> None:
    """Let `action` happen. Raises ShopError when it does not follow from what happened before."""
    PERFORMED_BY[type(action)](session, **msgspec.structs.asdict(action))
