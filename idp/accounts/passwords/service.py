"""Replacing passwords, and ending what the old one had opened."""

import uuid
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp.accounts import links
from idp.accounts.link_policy import LinkPolicy, may_mail_link
from idp.accounts.models import Account, MailLink
from idp.accounts.people import find_account_by_email
from idp.accounts.rules import AccountStatus, LinkNotFresh, LinkPurpose, LinkState
from idp.accounts.sessions.service import end_all_sessions
from idp.accounts.sign_in.service import ProvenPassword, accept_password, forget_failures
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.mail import messages

PURPOSE = LinkPurpose.PASSWORD_RESET


def request_link(session: Session, email: str, *, policy: LinkPolicy, now: datetime) -> None:
    """Mail a password link to a member; for anybody else do the same work and undo it.

    The caller answers alike, and as fast: otherwise the answer's time would tell who is a member.
    """
    if not may_mail_link(session, email, policy, now=now):
        return
    account = find_account_by_email(session, email)
    is_member = account is not None and account.status == AccountStatus.ACTIVE
    with session.begin_nested() as attempt:
        token, ends = links.issue_link(
            session, PURPOSE, email=email, lifetime=policy.lifetime, now=now,
            account_id=account.id if account is not None else None,
        )  # fmt: skip
        messages.password_link(
            session, email=email, name=account.name if account else "", token=token, expires_at=ends
        )
        session.flush()
        if not is_member:
            attempt.rollback()


def find_address(session: Session, token: str) -> str | None:
    """Return the address that a password link was sent to, in whatever state the link is."""
    return links.find_address(session, token, purpose=PURPOSE)


def account_behind(session: Session, token: str, *, now: datetime) -> Account:
    """Return the account that a fresh password link is for; looking changes nothing.

    :raises LinkNotFresh: the link is over, or its account is.
    """
    link = links.get_fresh_link(session, token, purpose=PURPOSE, now=now)
    return _get_account(session, link.account_id)


def reset_password(session: Session, token: str, *, password_hash: str, now: datetime) -> Account:
    """Set the password by way of a mailed link, used once, and end every session of the account.

    Whoever knew the old password is out, and the failures of whoever guessed at it are forgotten.

    :raises LinkNotFresh: the link is expired, used, replaced or unknown, or its account is over.
    """
    account = _get_account(session, links.use_link(session, token, purpose=PURPOSE, now=now).account_id)
    account.password_hash, account.password_changed_at = password_hash, now
    end_all_sessions(session, account.id)
    forget_failures(session, account.email or "")
    record_event(session, Event.PASSWORD_RESET, actor_id=account.id)
    _tell(session, account, now)
    return account


def change_password(
    session: Session, proven: ProvenPassword, *, password_hash: str, keep: uuid.UUID, now: datetime
) -> Account:
    """Set a new password after the present one was given, and end every session but this one.

    The caller signs in anew: a copy of this session's cookie would otherwise outlive the old password.

    :raises WrongPassword: it was changed while it was being checked.
    """
    account = accept_password(session, proven)
    account.password_hash, account.password_changed_at = password_hash, now
    end_all_sessions(session, account.id, keep=keep)
    session.execute(
        update(MailLink)
        .where(MailLink.account_id == account.id, MailLink.purpose == PURPOSE)
        .where(MailLink.used_at.is_(None), MailLink.replaced_at.is_(None))
        .values(replaced_at=now)
    )
    record_event(session, Event.PASSWORD_CHANGED, actor_id=account.id, session_id=keep)
    _tell(session, account, now)
    return account


def _get_account(session: Session, account_id: uuid.UUID | None) -> Account:
    account = session.scalar(
        select(Account).where(Account.id == account_id, Account.status == AccountStatus.ACTIVE)
    )
    if account is None:
        raise LinkNotFresh(LinkState.UNKNOWN, PURPOSE)
    return account


def _tell(session: Session, account: Account, now: datetime) -> None:
    if account.email is not None:
        messages.password_changed(session, email=account.email, name=account.name, at=now)
