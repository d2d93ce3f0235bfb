"""Remembering what a person allowed an app, and taking it back.

``must_ask`` is the one question; an app of the maker's own need not ask, except where nothing proves which
app it is (RFC 8252 §8.6).
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import BrowserSession
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.db import insert_once
from idp.mail.models import Topic
from idp.mail.outbox import enqueue_delivery
from idp.oauth.authorization_request import AskedFor
from idp.oauth.consent.models import ClientConsent
from idp.oauth.models import Client, RefreshToken, TokenFamily


def find_consent(session: Session, account_id: uuid.UUID, client_id: str) -> ClientConsent | None:
    """Return what a person allows an app at this moment, or None."""
    query = select(ClientConsent).where(
        ClientConsent.account_id == account_id, ClientConsent.client_id == client_id,
        ClientConsent.revoked_at.is_(None),
    )  # fmt: skip
    return session.scalar(query)


def must_ask(session: Session, client: Client, account_id: uuid.UUID, asked: AskedFor) -> bool:
    """Tell whether the person has to be asked before this request is answered (OIDC Core §3.1.2.4)."""
    if may_be_anybody(client, asked.redirect_uri):
        return True
    if client.first_party:
        return False
    remembered = find_consent(session, account_id, client.client_id)
    return remembered is None or not _covers(asked, scope=remembered.scope, claims=remembered.claims)


def hold_consent(session: Session, client: Client, account_id: uuid.UUID, asked: AskedFor) -> bool:
    """Tell whether this request is allowed still, and keep it so until the unit of work ends.

    Whoever takes the consent back meanwhile waits, and then ends what was issued too.
    """
    if client.first_party and not may_be_anybody(client, asked.redirect_uri):
        return True
    query = select(ClientConsent.scope, ClientConsent.claims).where(
        ClientConsent.account_id == account_id, ClientConsent.client_id == client.client_id,
        ClientConsent.revoked_at.is_(None),
    )  # fmt: skip
    held = session.execute(query.with_for_update(read=True)).one_or_none()
    return held is not None and _covers(asked, scope=held.scope, claims=held.claims)


def _covers(asked: AskedFor, *, scope: str, claims: Collection[str]) -> bool:
    return asked.scopes <= set(scope.split()) and asked.claim_names <= set(claims)


def may_be_anybody(client: Client, redirect_uri: str) -> bool:
    """Tell whether any program on the person's device could pass for this client (RFC 8252 §8.6).

    Nothing proves who listens on the loopback address or has registered a scheme.
    """
    return not client.is_confidential and not redirect_uri.startswith("https://")


def remember_consent(session: Session, client: Client, account_id: uuid.UUID, asked: AskedFor) -> None:
    """Store what the person allowed, beside what they allowed before."""
    key = {"account_id": account_id, "client_id": client.client_id}
    now, scope, claims = clock.now(), asked.scopes, asked.claim_names
    fresh = {"id": credentials.new_id(), "scope": _joined(scope), "claims": sorted(claims), "granted_at": now}
    if not insert_once(session, ClientConsent, {**key, **fresh}):
        query = select(ClientConsent).filter_by(**key).with_for_update(of=ClientConsent)
        stored = session.scalars(query.execution_options(populate_existing=True)).one()
        if stored.revoked_at is None:
            scope, claims = scope | set(stored.scope.split()), claims | set(stored.claims)
        stored.scope, stored.claims = _joined(scope), sorted(claims)
        stored.granted_at, stored.revoked_at = now, None
    record_event(
        session, Event.CONSENT_GIVEN, actor_id=account_id, client_id=client.client_id, scope=_joined(scope)
    )
    session.flush()


def forget_consents(session: Session, client_id: str) -> None:
    """Ask everybody again about a client at the next request; what it holds already stays good."""
    session.execute(
        update(ClientConsent)
        .where(ClientConsent.client_id == client_id, ClientConsent.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )


def _joined(scope: frozenset[str]) -> str:
    return " ".join(sorted(scope))


@dataclass(frozen=True)
class ConnectedApp:
    """An app that a person allowed something, or that holds tokens for them."""

    client: Client
    scope: frozenset[str]
    claims: frozenset[str]
    since: datetime
    last_used_at: datetime | None


def list_apps(session: Session, account_id: uuid.UUID) -> list[ConnectedApp]:
    """Return the apps that a person is connected with, the latest first; proxy logins are none of these."""
    families = _living_families(session, account_id)
    consents = session.scalars(
        select(ClientConsent).where(
            ClientConsent.account_id == account_id, ClientConsent.revoked_at.is_(None)
        )
    ).all()
    clients = {family.client_id: family.client for family in families}
    clients |= {consent.client_id: consent.client for consent in consents}
    apps = [
        _app(
            session, client, [one for one in families if one.client_id == client_id],
            next((one for one in consents if one.client_id == client_id), None),
        )
        for client_id, client in clients.items()
    ]  # fmt: skip
    return sorted(apps, key=lambda app: app.since, reverse=True)


def _app(
    session: Session, client: Client, families: Sequence[TokenFamily], consent: ClientConsent | None
) -> ConnectedApp:
    scope = {one for family in families for one in family.scope.split()}
    since = [family.created_at for family in families]
    claims: frozenset[str] = frozenset()
    if consent is not None:
        scope, claims = scope | set(consent.scope.split()), frozenset(consent.claims)
        since = [consent.granted_at]
    refreshed = session.scalar(
        select(func.max(RefreshToken.created_at)).where(
            RefreshToken.family_id.in_([family.id for family in families])
        )
    )
    used = [family.created_at for family in families] + ([refreshed] if refreshed else [])
    return ConnectedApp(client, frozenset(scope), claims, min(since), max(used, default=None))


def find_app(session: Session, account_id: uuid.UUID, client_id: str) -> ConnectedApp | None:
    """Return an app that a person is connected with, or None."""
    apps = list_apps(session, account_id)
    return next((app for app in apps if app.client.client_id == client_id), None)


def disconnect(session: Session, account_id: uuid.UUID, client_id: str) -> None:
    """Take back what a person allowed an app: consent, every token, and its sign-ins are told (outbox)."""
    now = clock.now()
    session.execute(
        update(ClientConsent)
        .where(
            ClientConsent.account_id == account_id, ClientConsent.client_id == client_id,
            ClientConsent.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )  # fmt: skip
    families = _families(session, account_id, client_id)
    session.execute(
        update(TokenFamily).where(TokenFamily.id.in_([one.id for one in families])).values(revoked_at=now)
    )
    for session_id in sorted({one.session_id for one in families}):
        enqueue_delivery(
            session, Topic.BACKCHANNEL_LOGOUT, name=client_id, recipient=client_id,
            payload={"client_id": client_id, "sid": str(session_id), "sub": str(account_id)},
            reference=session_id,
        )  # fmt: skip
    record_event(session, Event.CONSENT_WITHDRAWN, actor_id=account_id, client_id=client_id)


def _families(session: Session, account_id: uuid.UUID, client_id: str | None = None) -> Sequence[TokenFamily]:
    """Return what could still give tokens, were its sign-in to go on."""
    query = select(TokenFamily).where(
        TokenFamily.account_id == account_id, TokenFamily.act_as_session_id.is_(None),
        TokenFamily.revoked_at.is_(None), TokenFamily.expires_at > clock.now(),
    )  # fmt: skip
    if client_id is not None:
        query = query.where(TokenFamily.client_id == client_id)
    return session.scalars(query).all()


def _living_families(session: Session, account_id: uuid.UUID) -> Sequence[TokenFamily]:
    families = _families(session, account_id)
    ids = {one.session_id for one in families}
    living = set(
        session.scalars(
            select(BrowserSession.id).where(
                BrowserSession.id.in_(ids), BrowserSession.ended_at.is_(None),
                BrowserSession.expires_at > clock.now(),
            )
        )
    )  # fmt: skip
    return [one for one in families if one.offline or one.session_id in living]
