"""Leaving the club, whole: what ``delegation`` ends, and beside it consents, tokens, devices and systems."""

import uuid

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import clock
from idp.delegation import departures
from idp.oauth.clients import set_client_status
from idp.oauth.consent.models import ClientConsent
from idp.oauth.models import Client, ClientStatus, TokenFamily


def delete_account(session: Session, account_id: uuid.UUID) -> int:
    """Delete a person's account with all that hangs on it; return how many grants and requests ended.

    :raises AccountUnknown: there is none, or it was deleted before.
    :raises LastManagerLeaves: the person is the only manager of an agency.
    """
    ended = departures.delete_account(session, account_id)
    _forget(session, account_id)
    return ended


def close_agency(session: Session, agency_id: uuid.UUID) -> int:
    """Close an agency for good with its staff's accounts and its systems; return how many grants ended.

    :raises AgencyGone: there is none, or it was closed before.
    """
    ended, deleted = departures.close_agency(session, agency_id)
    for account_id in deleted:
        _forget(session, account_id)
    systems = select(Client).where(Client.agency_id == agency_id).order_by(Client.client_id)
    for system in session.scalars(systems).all():
        set_client_status(session, system, ClientStatus.DISABLED)
    return ended


def _forget(session: Session, account_id: uuid.UUID) -> None:
    """Take back what a person allowed apps and devices; each is refused from its next request on anyway."""
    now = clock.now()
    session.execute(
        update(ClientConsent)
        .where(ClientConsent.account_id == account_id, ClientConsent.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    session.execute(
        update(TokenFamily)
        .where(TokenFamily.account_id == account_id, TokenFamily.revoked_at.is_(None))
        .values(revoked_at=now)
    )
