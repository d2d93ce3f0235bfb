"""Security Event Tokens (RFC 8417) about an agency's grants, pushed to its own systems (RFC 8935).

A change is one outbox row, written with the change; the worker makes one event of it for each of the agency's
systems, and delivers each by itself, so that a system that is down keeps nobody else waiting. An event is a
hint: it may come late, twice, or after a later one. What is true the API says.
"""

import json
import re
import uuid
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Agency
from idp.accounts.rules import AgencyStatus
from idp.db import Database
from idp.mail.delivery import Delivered, Delivery, DeliveryFailed
from idp.oauth.keys import KeyRingCache
from idp.oauth.models import Client, ClientStatus
from idp.oauth.outgoing import CallFailed, post_text
from idp.oauth.systems.service import enqueue_event
from idp.oauth.tokens import Mint, SecurityEvent, mint_security_event_token
from idp.settings import Settings
from idp.unit_of_work import unit_of_work

CALL_SECONDS = 5.0
EVENT_URI = "urn:ownersclub:params:event:delegation-"
"""Begins the identifier of each kind of event (RFC 8417 §1.2); ``GrantChange`` says how it goes on."""
MEDIA_TYPE = "application/secevent+jwt"
_ERROR = re.compile(r"[a-z_]{1,40}")
"""The form of RFC 8935 §2.4's error codes; anything else that a receiver says is not repeated."""


def grant_change_deliverer() -> Callable[[Delivery], Delivered]:
    """Return the deliverer that makes an event of a change for each system of the agency."""

    def deliver(delivery: Delivery) -> Delivered:
        return Delivered(store=lambda session: _fan_out(session, delivery))

    return deliver


def _fan_out(session: Session, delivery: Delivery) -> None:
    told = delivery.payload
    systems = select(Client.client_id).where(Client.agency_id == uuid.UUID(told["agency_id"]), *_is_told())
    for client_id in session.scalars(systems.order_by(Client.client_id)):
        for subject in told["subjects"]:
            enqueue_event(
                session, client_id, told["change"], subject=subject, state=told["state"],
                at=datetime.fromisoformat(told["at"]), transaction=delivery.id,
            )  # fmt: skip


def security_event_deliverer(database: Database, settings: Settings) -> Callable[[Delivery], Delivered]:
    """Return the deliverer of events to systems."""
    keys = KeyRingCache()

    def deliver(delivery: Delivery) -> Delivered:
        with unit_of_work(database, writes=False) as session:
            address = session.scalar(
                select(Client.event_receiver_uri).where(Client.client_id == delivery.recipient, *_is_told())
            )
            if address is None:
                return Delivered()  # nobody to tell any more
            token = mint_security_event_token(
                Mint(settings, keys.ring(session)), audience=delivery.recipient, event=_event(delivery)
            )
        _push(settings, address, token)
        return Delivered()

    return deliver


def _is_told() -> tuple[ColumnElement[bool], ...]:
    """Return what a system must be to be told.

    Not as ``find_client``: the system of an agency that is suspended, or closed and its system disabled with
    it, has to know that it is to forget what has ended.
    """
    closed = select(Agency.id).where(Agency.status == AgencyStatus.CLOSED)
    is_welcome = or_(Client.status == ClientStatus.ACTIVE, Client.agency_id.in_(closed))
    return is_welcome, Client.paused_at.is_(None), Client.event_receiver_uri.is_not(None)


def _event(delivery: Delivery) -> SecurityEvent:
    """Return what the token says: the same at each attempt (RFC 8935 §2.1)."""
    told = delivery.payload
    return SecurityEvent(
        jti=str(delivery.id), issued_at=clock.epoch(delivery.created_at), happened_at=told["at"],
        transaction=told["transaction"], uri=f"{EVENT_URI}{told['change']}", subject=told["subject"],
        details={"state": told["state"]} if told["state"] else {},
    )  # fmt: skip


def _push(settings: Settings, address: str, token: str) -> None:
    """Send one event (RFC 8935 §2); 202 alone takes it over (§2.2).

    :raises DeliveryFailed: the system was not reached, or did not take it.
    """
    try:
        status, body = post_text(settings, address, token, media_type=MEDIA_TYPE, seconds=CALL_SECONDS)
    except CallFailed as error:
        raise DeliveryFailed(error.reason) from error
    if status != 202:
        raise DeliveryFailed(f"answered {status}{_error_in(body) if status == 400 else ', not 202'}")


def _error_in(body: bytes) -> str:
    """Return the error code of a refusal (§2.3), in our words where it has another form."""
    try:
        code = json.loads(body)["err"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return " without a reason"
    return f": {code}" if isinstance(code, str) and _ERROR.fullmatch(code) else " with an unknown reason"
