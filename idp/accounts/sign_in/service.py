"""The one check of address and password.

It takes the database and opens its own units of work, unlike other services: hashing takes 30 ms, and in
that time neither SQLite's one write lock nor a PostgreSQL connection may be held.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Account, SignInFailure
from idp.accounts.people import find_account_by_email
from idp.accounts.rules import AccountStatus, TooManyAttempts, WrongPassword, sign_in_wait
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.db import Database, lock_named
from idp.unit_of_work import unit_of_work

REMEMBERED = timedelta(days=1)
"""How long a failure counts."""


@dataclass(frozen=True)
class ProvenPassword:
    """Address and password belong together.

    :ivar subject: whose failures are to be forgotten now.
    :ivar old_hash: what the password was checked against.
    :ivar new_hash: the same password hashed anew, when the stored hash has older parameters.
    """

    account_id: uuid.UUID
    subject: str
    old_hash: str
    new_hash: str | None


def check_password(
    database: Database, email: str, *, password: str, browser: str | None = None
) -> ProvenPassword:
    """Check a folded address and a password; an unknown address takes as long and is refused alike.

    ``browser`` is the id of a browser in which this address has proved itself before: it is slowed down on
    its own account, so that a stranger's guesses keep nobody out of their own browser.

    The try is noted before the password is looked at and forgotten when it was right: a hundred tries at
    the same moment are a hundred, not one.

    :raises TooManyAttempts: so many failures that the next try must wait.
    :raises WrongPassword: unknown address, wrong password, or an account that may not sign in.
    """
    subject = _subject(email, browser)
    with unit_of_work(database) as session:
        _note_try(session, subject, now=clock.now())
        account = find_account_by_email(session, email)
    stored = account.password_hash if account is not None else None
    matches = credentials.password_matches(password, stored, database.sealer)
    if not matches or account is None or stored is None or account.status != AccountStatus.ACTIVE:
        with unit_of_work(database) as session:
            record_event(session, Event.SIGN_IN_FAILED, actor_id=account.id if account else None)
        raise WrongPassword
    is_due = credentials.needs_rehash(stored)
    new_hash = credentials.hash_password(password, database.sealer) if is_due else None
    return ProvenPassword(account.id, subject, stored, new_hash)


def accept_password(session: Session, proven: ProvenPassword) -> Account:
    """Forget the failures before a right password, renew its hash if need be, and return the account.

    :raises WrongPassword: the password was changed, or the account suspended, while it was being checked.
    """
    account = session.get_one(
        Account, proven.account_id, populate_existing=True, with_for_update={"of": Account}
    )
    if account.password_hash != proven.old_hash or account.status != AccountStatus.ACTIVE:
        raise WrongPassword
    session.execute(delete(SignInFailure).where(SignInFailure.subject == proven.subject))
    if proven.new_hash is not None:
        account.password_hash = proven.new_hash
    return account


def forget_failures(session: Session, email: str) -> None:
    """Forget the failures of an address: its owner has proved themselves otherwise."""
    session.execute(delete(SignInFailure).where(SignInFailure.subject == _subject(email, None)))


def _subject(email: str, browser: str | None) -> str:
    return credentials.digest(f"sign-in:{email}:{browser or ''}")


def _note_try(session: Session, subject: str, *, now: datetime) -> None:
    lock_named(session, subject)
    session.execute(
        delete(SignInFailure).where(SignInFailure.subject == subject, SignInFailure.at <= now - REMEMBERED)
    )
    failures, last = session.execute(
        select(func.count(), func.max(SignInFailure.at)).where(SignInFailure.subject == subject)
    ).one()
    wait = sign_in_wait(failures=failures, last_failure=last, now=now)
    if wait > timedelta(0):
        raise TooManyAttempts(wait)
    session.add(SignInFailure(id=credentials.new_id(), subject=subject, at=now))
