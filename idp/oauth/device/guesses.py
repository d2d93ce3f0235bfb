"""Counting wrong user codes, for each person and for each network address (RFC 8628 §5.1).

A code is looked at only for somebody who is signed in, so that every guess is somebody's. The count lives in
the database, where all workers see it. A right code takes back only its own try: whoever has a device of
their own could otherwise wipe the count with it.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from idp import credentials
from idp.accounts.models import Account, SignInFailure
from idp.oauth.device.rules import (
    MOST_WRONG_CODES,
    MOST_WRONG_CODES_A_DAY,
    MOST_WRONG_CODES_OF_ADDRESS,
    WINDOW,
    TooManyWrongCodes,
)

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Guesser:
    """Who tries a code, and from where."""

    account_id: uuid.UUID
    address: str


def note_try(session: Session, guesser: Guesser, *, now: datetime) -> tuple[uuid.UUID, ...]:
    """Count a try before the code is looked at, and return what takes it back.

    The person's row is locked meanwhile: a hundred tries at the same moment are a hundred, not one.

    :raises TooManyWrongCodes: there were so many that this one must wait.
    """
    session.execute(
        select(Account.id).where(Account.id == guesser.account_id).with_for_update(key_share=True)
    )
    person, address = _subjects(guesser)
    for subject, most, window in (
        (person, MOST_WRONG_CODES, WINDOW),
        (person, MOST_WRONG_CODES_A_DAY, DAY),
        (address, MOST_WRONG_CODES_OF_ADDRESS, WINDOW),
    ):
        _check(session, subject, most=most, window=window, now=now)
    tries = [SignInFailure(id=credentials.new_id(), subject=subject, at=now) for subject in (person, address)]
    session.add_all(tries)
    session.flush()
    return tuple(one.id for one in tries)


def take_back(session: Session, tries: tuple[uuid.UUID, ...]) -> None:
    """Forget a try: the code was right."""
    session.execute(delete(SignInFailure).where(SignInFailure.id.in_(tries)))


def _subjects(guesser: Guesser) -> tuple[str, str]:
    return (
        credentials.digest(f"user-code:account:{guesser.account_id}"),
        credentials.digest(f"user-code:address:{guesser.address}"),
    )


def _check(session: Session, subject: str, *, most: int, window: timedelta, now: datetime) -> None:
    count, first = session.execute(
        select(func.count(), func.min(SignInFailure.at)).where(
            SignInFailure.subject == subject, SignInFailure.at > now - window
        )
    ).one()
    if count >= most:
        raise TooManyWrongCodes(first + window - now)
