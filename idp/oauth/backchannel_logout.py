"""Telling relying parties that a session is over (OIDC Back-Channel Logout 1.0), from the outbox.

Rows are written in the transaction that ended the session; the worker delivers them, retries, and the
row keeps when the relying party confirmed.
"""

import uuid
from collections.abc import Callable

from sqlalchemy.orm import Session

from idp.db import Database
from idp.delegation import proxy_logins
from idp.mail.delivery import Delivered, Delivery, DeliveryFailed
from idp.mail.models import Topic
from idp.mail.outbox import enqueue_delivery
from idp.oauth.clients import find_client, parties_of_sign_in
from idp.oauth.keys import KeyRingCache
from idp.oauth.outgoing import CallFailed, post_form
from idp.oauth.subjects import subject_for
from idp.oauth.tokens import Mint, mint_logout_token
from idp.settings import Settings
from idp.unit_of_work import unit_of_work

CALL_SECONDS = 5.0


def logout_deliverer(database: Database, settings: Settings) -> Callable[[Delivery], Delivered]:
    """Return the deliverer of logout tokens to relying parties."""
    keys = KeyRingCache()

    def deliver(delivery: Delivery) -> Delivered:
        sid, sub = uuid.UUID(delivery.payload["sid"]), delivery.payload.get("sub")
        with unit_of_work(database, writes=False) as session:
            client = find_client(session, delivery.payload["client_id"])
            if client is None or client.backchannel_logout_uri is None:
                return Delivered()  # nobody to tell: it keeps its token for its remaining minutes
            token = mint_logout_token(
                Mint(settings, keys.ring(session)), client_id=client.client_id, sid=sid,
                sub=subject_for(settings, client, uuid.UUID(sub)) if sub else None,
                alg=client.id_token_signed_response_alg,
            )  # fmt: skip
            address = client.backchannel_logout_uri
        _post(settings, address, token)
        return Delivered()

    return deliver


def session_end_deliverer(database: Database) -> Callable[[Delivery], Delivered]:
    """Return the deliverer that turns the end of a sign-in into one logout token for each relying party."""

    def deliver(delivery: Delivery) -> Delivered:
        session_id = uuid.UUID(delivery.payload["session_id"])
        return Delivered(store=lambda session: _fan_out(session, session_id))

    return deliver


def _fan_out(session: Session, session_id: uuid.UUID) -> None:
    proxy_logins.end_all_of_sign_in(session, session_id)
    for client_id, account_id in parties_of_sign_in(session, session_id):
        enqueue_delivery(
            session, Topic.BACKCHANNEL_LOGOUT, name=client_id, recipient=client_id,
            payload={"client_id": client_id, "sid": str(session_id), "sub": str(account_id)},
            reference=session_id,
        )  # fmt: skip


def _post(settings: Settings, address: str, token: str) -> None:
    """Send one logout token (§2.5); 200 and 204 confirm it (§2.8).

    :raises DeliveryFailed: the relying party was not reached, or did not confirm.
    """
    try:
        status = post_form(settings, address, {"logout_token": token}, seconds=CALL_SECONDS)
    except CallFailed as error:
        raise DeliveryFailed(error.reason) from error
    if status not in {200, 204}:
        raise DeliveryFailed(f"answered {status}")
