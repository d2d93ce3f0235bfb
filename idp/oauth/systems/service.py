"""Registering, changing, stopping and removing an agency's own systems, and what became of their events.

A system is a confidential client that belongs to one agency: it proves itself with its own key, has two grant
types and two scopes, and acts for owners of that agency alone. It is as unknown while its agency is out of
business (``clients.find_client``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Agency, Member
from idp.accounts.rules import AgencyNotActive, AgencyStatus, MemberRole, RoleMayNot
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.delegation import proxy_logins
from idp.mail.models import OutboxItem, Topic
from idp.mail.outbox import drop_waiting, enqueue_delivery
from idp.oauth.client_metadata import (
    CLIENT_CREDENTIALS,
    TOKEN_EXCHANGE,
    ClientMetadata,
    ClientMetadataRefused,
)
from idp.oauth.client_rules import check_called
from idp.oauth.clients import DELETED, change_client, delete_client, register_client
from idp.oauth.models import Client, ClientStatus
from idp.oauth.outgoing import is_public
from idp.oauth.scopes import FOR_SYSTEMS
from idp.oauth.systems.rules import (
    MOST_SYSTEMS,
    MOST_TESTS,
    TEST,
    TESTS_IN_SECONDS,
    NoReceiver,
    SystemUnknown,
    TooManySystems,
    TooManyTests,
)

MOST_SHOWN = 20
"""Events that a manager sees of a system, the latest."""


@dataclass(frozen=True)
class SystemDetails:
    """What a manager says of a system."""

    name: str
    audiences: tuple[str, ...]
    """client_id of each app that it may act at."""
    jwks: dict[str, Any] | None = field(default=None, repr=False)
    jwks_uri: str | None = None
    event_receiver_uri: str | None = None


@dataclass(frozen=True)
class EventShown:
    """One event to a system, and what became of it."""

    change: str
    at: datetime
    attempts: int
    delivered_at: datetime | None
    given_up_at: datetime | None
    last_error: str


def list_systems(session: Session, agency_id: UUID) -> Sequence[Client]:
    """Return the agency's systems, the oldest first."""
    own = select(Client).where(Client.agency_id == agency_id, Client.token_endpoint_auth_method != DELETED)
    return session.scalars(own.order_by(Client.created_at, Client.client_id)).all()


def get_system(session: Session, agency_id: UUID, client_id: str, *, to_change: bool = False) -> Client:
    """Return one of the agency's systems; ``to_change``: as it is once it is locked.

    :raises SystemUnknown: there is none, or it is another agency's.
    """
    own = select(Client).where(
        Client.client_id == client_id, Client.agency_id == agency_id,
        Client.token_endpoint_auth_method != DELETED,
    )  # fmt: skip
    if to_change:
        own = own.with_for_update(key_share=True).execution_options(populate_existing=True)
    system = session.scalars(own).one_or_none()
    if system is None:
        raise SystemUnknown
    return system


def list_apps(session: Session) -> Sequence[Client]:
    """Return the apps at which a system can act: those that understand ``act``."""
    apps = select(Client).where(Client.act_as_supported, Client.status == ClientStatus.ACTIVE)
    return session.scalars(apps.order_by(Client.client_id)).all()


def register_system(
    session: Session, member: Member, details: SystemDetails, *, internal_calls: bool
) -> Client:
    """Register a system of the member's agency.

    :raises RoleMayNot: the member is no manager.
    :raises TooManySystems: the agency has its share.
    :raises ClientMetadataRefused: a field is wrong.
    """
    _check_manager(member)
    status = session.scalar(
        select(Agency.status).where(Agency.id == member.agency_id).with_for_update(key_share=True)
    )
    if status != AgencyStatus.ACTIVE:
        raise AgencyNotActive
    if len(list_systems(session, member.agency_id)) >= MOST_SYSTEMS:
        raise TooManySystems
    _check(session, details, internal_calls=internal_calls)
    client_id = f"system-{credentials.new_id()}"
    register_client(session, _metadata(client_id, details))
    system = session.get_one(Client, client_id)
    system.agency_id, system.event_receiver_uri = member.agency_id, details.event_receiver_uri
    session.flush()
    _record(session, member, client_id, "registered")
    return system


def change_system(
    session: Session, member: Member, client_id: str, *, details: SystemDetails, internal_calls: bool
) -> None:
    """Give a system another name, other keys, apps or another address; in force from the next request on.

    :raises SystemUnknown: it is not this agency's.
    :raises RoleMayNot: the member is no manager.
    :raises ClientMetadataRefused: a field is wrong.
    """
    _check_manager(member)
    system = get_system(session, member.agency_id, client_id, to_change=True)
    _check(session, details, internal_calls=internal_calls)
    change_client(session, _metadata(client_id, details))
    if system.event_receiver_uri != details.event_receiver_uri:
        drop_waiting(session, Topic.SECURITY_EVENT, client_id)  # meant for whoever is at the other address
    system.event_receiver_uri = details.event_receiver_uri
    session.flush()
    _record(session, member, client_id, "changed")


def set_system_paused(session: Session, member: Member, client_id: str, *, paused: bool) -> None:
    """Stop a system, which is then as unknown, or let it go on.

    :raises SystemUnknown: it is not this agency's.
    :raises RoleMayNot: the member is no manager.
    """
    _check_manager(member)
    system = get_system(session, member.agency_id, client_id, to_change=True)
    if (system.paused_at is not None) == paused:
        return
    system.paused_at = clock.now() if paused else None
    session.flush()
    if paused:
        _end_its_work(session, client_id)
    _record(session, member, client_id, "stopped" if paused else "resumed")


def remove_system(session: Session, member: Member, client_id: str) -> None:
    """Remove a system for good; its row stays, because the history of proxy logins speaks of it.

    :raises SystemUnknown: it is not this agency's.
    :raises RoleMayNot: the member is no manager.
    """
    _check_manager(member)
    system = get_system(session, member.agency_id, client_id, to_change=True)
    delete_client(session, system)
    system.event_receiver_uri = None
    session.flush()
    _end_its_work(session, client_id)
    _record(session, member, client_id, "removed")


def send_test_event(session: Session, member: Member, client_id: str) -> None:
    """Send a system an event that says nothing, to see whether its receiver works.

    :raises SystemUnknown: it is not this agency's.
    :raises RoleMayNot: the member is no manager.
    :raises NoReceiver: it has no address.
    :raises TooManyTests: it was just tried.
    """
    _check_manager(member)
    system = get_system(session, member.agency_id, client_id, to_change=True)
    if system.event_receiver_uri is None:
        raise NoReceiver
    lately = clock.now() - timedelta(seconds=TESTS_IN_SECONDS)
    tests = select(func.count()).where(
        OutboxItem.recipient == client_id, OutboxItem.created_at > lately,
        OutboxItem.name == event_name(client_id, TEST),
    )  # fmt: skip
    if (session.scalar(tests) or 0) >= MOST_TESTS:
        raise TooManyTests
    enqueue_event(session, client_id, TEST, subject=client_id, state=None, at=clock.now())


def enqueue_event(
    session: Session, client_id: str, change: str, *, subject: str, state: str | None, at: datetime,
    transaction: UUID | None = None,
) -> None:  # fmt: skip
    """Add an event for one system to the outbox. ``subject`` is the id of the grant, agency or system."""
    enqueue_delivery(
        session, Topic.SECURITY_EVENT, name=event_name(client_id, change), recipient=client_id,
        payload={"change": change, "subject": subject, "state": state, "at": clock.epoch(at),
                 "transaction": str(transaction) if transaction else None},
    )  # fmt: skip


def event_name(client_id: str, change: str) -> str:
    """Return what an event is called in the outbox, where its content is sealed."""
    return f"{client_id} {change}"


def events_of(session: Session, client_id: str) -> list[EventShown]:
    """Return the latest events to a system, the latest first."""
    items = session.scalars(
        select(OutboxItem)
        .where(OutboxItem.recipient == client_id, OutboxItem.topic == Topic.SECURITY_EVENT)
        .order_by(OutboxItem.created_at.desc(), OutboxItem.id)
        .limit(MOST_SHOWN)
    )
    return [_shown(item) for item in items]


def latest_events(session: Session, systems: Sequence[Client]) -> dict[str, EventShown]:
    """Return the latest event to each of some systems, by client_id, in one query."""
    newest = func.max(OutboxItem.created_at).over(partition_by=OutboxItem.recipient)
    events = select(OutboxItem.id, OutboxItem.created_at, newest.label("newest")).where(
        OutboxItem.recipient.in_([one.client_id for one in systems]),
        OutboxItem.topic == Topic.SECURITY_EVENT,
    ).subquery()  # fmt: skip
    latest = select(events.c.id).where(events.c.created_at == events.c.newest)
    items = session.scalars(select(OutboxItem).where(OutboxItem.id.in_(latest)).order_by(OutboxItem.id))
    return {item.recipient: _shown(item) for item in items}


def _shown(item: OutboxItem) -> EventShown:
    return EventShown(
        item.name.rpartition(" ")[2], item.created_at, attempts=item.attempts, delivered_at=item.done_at,
        given_up_at=item.dead_at if item.done_at is None else None, last_error=item.last_error or "",
    )  # fmt: skip


def keys_text(system: Client) -> str:
    """Return the registered keys as they can be pasted again."""
    return json.dumps(system.jwks, indent=2) if system.jwks else ""


def _end_its_work(session: Session, client_id: str) -> None:
    proxy_logins.end_all_of_system(session, client_id)
    drop_waiting(session, Topic.SECURITY_EVENT, client_id)


def _metadata(client_id: str, details: SystemDetails) -> ClientMetadata:
    return ClientMetadata(
        client_id=client_id, client_name=details.name, token_endpoint_auth_method="private_key_jwt",
        grant_types=(CLIENT_CREDENTIALS, TOKEN_EXCHANGE), scope=" ".join(sorted(FOR_SYSTEMS)),
        act_as_audiences=details.audiences, jwks=details.jwks, jwks_uri=details.jwks_uri,
    )  # fmt: skip


def _check(session: Session, details: SystemDetails, *, internal_calls: bool) -> None:
    """Check what ``client_rules`` leaves to an operator: addresses that we call, and the apps."""
    called = {"jwks_uri": details.jwks_uri, "event_receiver_uri": details.event_receiver_uri}
    for name, uri in called.items():
        if uri:
            _check_address(name, uri, internal_calls=internal_calls)
    if not details.audiences or set(details.audiences) - {app.client_id for app in list_apps(session)}:
        raise ClientMetadataRefused("act_as_audiences", "must be some of the apps that support acting")


def _check_address(name: str, uri: str, *, internal_calls: bool) -> None:
    """Refuse an address that will never be called; what a name resolves to is looked at before each call."""
    check_called(name, uri, loopback=internal_calls)
    host = urlsplit(uri).hostname or ""
    is_address = ":" in host or host.rpartition(".")[2].isdigit()
    is_inside = host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    if not internal_calls and (is_inside or (is_address and not is_public(host))):
        raise ClientMetadataRefused(name, "must be on the public internet")


def _check_manager(member: Member) -> None:
    if not MemberRole(member.role).can_manage:
        raise RoleMayNot


def _record(session: Session, member: Member, client_id: str, what: str) -> None:
    record_event(
        session, Event.AGENCY_SYSTEM_CHANGED, actor_id=member.account_id, agency_id=member.agency_id,
        client_id=client_id, change=what,
    )  # fmt: skip
