"""A device's way in: it asks, a person looks at its code and answers, it fetches what it was given."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import BrowserSession
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.db import insert_once
from idp.mail import messages
from idp.oauth.device.guesses import Guesser, note_try, take_back
from idp.oauth.device.models import DeviceAnswer, DeviceRequest
from idp.oauth.device.rules import (
    CODES,
    MINTING_TRIES,
    MOST_LIVE_CODES,
    MOST_REQUESTS,
    SLOW_DOWN_STEP,
    WINDOW,
    CodeState,
    DeviceAnswered,
    TooManyDevices,
    is_too_early,
    show_user_code,
)
from idp.oauth.issuing import start_family
from idp.oauth.models import Client, ClientStatus
from idp.settings import Settings


@dataclass(frozen=True)
class Codes:
    """What a device is told once; only digests of it are stored."""

    device_code: str
    user_code: str


@dataclass(frozen=True)
class Asked:
    """What a device asks for, as it was checked, and where it asks from."""

    scope: frozenset[str]
    resources: tuple[str, ...]
    jkt: str | None
    address: str


# --- the device asks ------------------------------------------------------------------------------------


def begin(session: Session, settings: Settings, client: Client, *, asked: Asked) -> Codes:
    """Store a device's request and return its codes (RFC 8628 §3.2).

    :raises TooManyDevices: too many wait already.
    """
    now = clock.now()
    _check_room(session, client.client_id, address=asked.address, now=now)
    device_code = credentials.mint_secret(SecretKind.DEVICE_CODE)
    for _ in range(MINTING_TRIES):
        digits = f"{credentials.random_below(CODES):08}"
        is_free = insert_once(
            session, DeviceRequest,
            {
                "id": credentials.new_id(), "device_code_digest": credentials.digest(device_code),
                "user_code_digest": digest_user_code(settings, digits), "client_id": client.client_id,
                "scope": " ".join(sorted(asked.scope)), "resources": list(asked.resources), "jkt": asked.jkt,
                "address": asked.address, "created_at": now, "interval": settings.device_poll_interval,
                "expires_at": now + timedelta(seconds=settings.device_code_lifetime),
                "answer": DeviceAnswer.PENDING,
            },
        )  # fmt: skip
        if is_free:
            return Codes(device_code, show_user_code(digits))
    raise TooManyDevices(WINDOW)


def digest_user_code(settings: Settings, digits: str) -> str:
    """Return what is stored of a user code: keyed, as a plain digest of eight digits can be tried out."""
    return credentials.keyed_digest(settings.secret_key, f"user-code:{digits}")


def _check_room(session: Session, client_id: str, *, address: str, now: datetime) -> None:
    """Bound what one client and one network address can fill; the client's row is locked meanwhile."""
    session.execute(
        select(Client.client_id).where(Client.client_id == client_id).with_for_update(key_share=True)
    )
    live = _count(session, DeviceRequest.client_id == client_id, _is_live(now))
    recent = _count(
        session, DeviceRequest.client_id == client_id, DeviceRequest.address == address,
        DeviceRequest.created_at > now - WINDOW,
    )  # fmt: skip
    if live >= MOST_LIVE_CODES or recent >= MOST_REQUESTS:
        raise TooManyDevices(WINDOW)


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(DeviceRequest).where(*conditions)) or 0


def _is_live(now: datetime) -> ColumnElement[bool]:
    return (DeviceRequest.answer == DeviceAnswer.PENDING) & (DeviceRequest.expires_at > now)


# --- the person answers ---------------------------------------------------------------------------------


def look_up(
    session: Session, settings: Settings, digits: str, *, guesser: Guesser
) -> tuple[CodeState, DeviceRequest | None]:
    """Return what a folded user code leads to; everything but a live one counts as wrong.

    :raises TooManyWrongCodes: there were so many wrong ones that this one must wait; it was not looked at.
    """
    now = clock.now()
    tries = note_try(session, guesser, now=now)
    request = session.scalars(
        select(DeviceRequest).where(DeviceRequest.user_code_digest == digest_user_code(settings, digits))
    ).one_or_none()
    state = state_of(request, now=now)
    if state is CodeState.LIVE:
        take_back(session, tries)
    else:
        record_event(session, Event.USER_CODE_REFUSED, actor_id=guesser.account_id, state=state)
    return state, request


def state_of(request: DeviceRequest | None, *, now: datetime) -> CodeState:
    """Return what became of a request; that of a client that is gone is as unknown."""
    if request is None or request.client.status != ClientStatus.ACTIVE:
        return CodeState.UNKNOWN
    if request.answer != DeviceAnswer.PENDING:
        return CodeState.ANSWERED
    return CodeState.LIVE if now < request.expires_at else CodeState.EXPIRED


def find_request(session: Session, request_id: uuid.UUID) -> DeviceRequest | None:
    """Return a request by its id, as it is now."""
    return session.get(DeviceRequest, request_id, populate_existing=True)


def approve(
    session: Session, settings: Settings, request: DeviceRequest, *, signed_in: BrowserSession
) -> None:
    """Let the device in, for the person who is signed in; of parallel answers the first one counts.

    :raises DeviceAnswered: it was answered already, or ran out.
    """
    _answer(session, request, DeviceAnswer.APPROVED)
    family = start_family(
        session, settings, client_id=request.client_id, account_id=signed_in.account_id,
        session_id=signed_in.id, scope=frozenset(request.scope.split()),
        authenticated_at=signed_in.authenticated_at, resources=tuple(request.resources), jkt=request.jkt,
    )  # fmt: skip
    session.execute(update(DeviceRequest).where(DeviceRequest.id == request.id).values(family_id=family.id))
    _record(session, Event.DEVICE_APPROVED, request, signed_in=signed_in)
    if signed_in.account.email is not None:
        messages.device_connected(
            session, email=signed_in.account.email, name=signed_in.account.name,
            device=request.client.client_name, at=family.created_at,
        )  # fmt: skip


def deny(session: Session, request: DeviceRequest, *, signed_in: BrowserSession) -> None:
    """Keep the device out.

    :raises DeviceAnswered: it was answered already, or ran out.
    """
    _answer(session, request, DeviceAnswer.DENIED)
    _record(session, Event.DEVICE_DENIED, request, signed_in=signed_in)


def _answer(session: Session, request: DeviceRequest, answer: DeviceAnswer) -> None:
    now = clock.now()
    if request.client.status != ClientStatus.ACTIVE:
        raise DeviceAnswered
    answered = session.execute(
        update(DeviceRequest)
        .where(DeviceRequest.id == request.id, _is_live(now))
        .values(answer=answer, answered_at=now)
        .returning(DeviceRequest.id)
    ).first()
    if answered is None:
        raise DeviceAnswered


def _record(session: Session, event: Event, request: DeviceRequest, *, signed_in: BrowserSession) -> None:
    record_event(
        session, event, actor_id=signed_in.account_id, owner_id=signed_in.account_id,
        session_id=signed_in.id, client_id=request.client_id, scope=request.scope,
    )  # fmt: skip


# --- the device fetches ---------------------------------------------------------------------------------


def lock_by_device_code(session: Session, device_code: str) -> DeviceRequest | None:
    """Return the request of a device code, if it is one; other polls of it wait until this one is over."""
    if not credentials.is_kind(device_code, SecretKind.DEVICE_CODE):
        return None
    return session.scalars(
        select(DeviceRequest)
        .where(DeviceRequest.device_code_digest == credentials.digest(device_code))
        .with_for_update(of=DeviceRequest, key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def note_poll(session: Session, request: DeviceRequest, *, now: datetime) -> bool:
    """Note that a device asked, and tell whether it came too early and has to slow down (RFC 8628 §3.5)."""
    early = is_too_early(request.polled_at, interval=request.interval, now=now)
    request.polled_at = now
    request.interval += SLOW_DOWN_STEP if early else 0
    session.flush()
    return early


def use_up(session: Session, request: DeviceRequest, *, now: datetime) -> bool:
    """Use a device code up, and tell whether it was this call that did: of parallel polls exactly one."""
    used = session.execute(
        update(DeviceRequest)
        .where(DeviceRequest.id == request.id, DeviceRequest.used_at.is_(None))
        .values(used_at=now)
        .returning(DeviceRequest.id)
    ).first()
    return used is not None
