"""One mail a day about proxy logins, for owners who want it so, and the change from one way to another.

``OwnerProfile.told_until`` says up to which moment an owner has been told. It is moved on by a conditional
UPDATE in the transaction that writes the mail, so that of any number of workers one tells, and tells once.
"""

import logging
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from flask_babel import force_locale
from sqlalchemy import exists, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Account, OwnerProfile
from idp.accounts.profile.service import set_proxy_login_mail
from idp.accounts.rules import AccountStatus, NotAnOwner, ProxyLoginMail
from idp.delegation import history_words
from idp.delegation.activities.rules import Action
from idp.delegation.apps import FindApps
from idp.delegation.history import ProxyLogin, proxy_logins_between
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.proxy_logins import hold_grants_of
from idp.mail.proxy_logins import LoginCard, proxy_logins_of_days

log = logging.getLogger(__name__)
IN_A_MAIL = 30
SETTLED = timedelta(minutes=10)
"""What began before midnight is stored by then, however slow its transaction was."""


def send_daily_mails(session: Session, *, find_apps: FindApps, hour: int, limit: int = 100) -> int:
    """Tell owners of the proxy logins until last midnight in Japan, from this hour on; return how many."""
    now = clock.now()
    midnight = now.astimezone(clock.JST).replace(hour=0, minute=0, second=0, microsecond=0)
    if now < midnight + max(timedelta(hours=hour), SETTLED):
        return 0
    waiting = session.scalars(
        select(OwnerProfile)
        .join(Account, Account.id == OwnerProfile.account_id)
        .where(Account.status == AccountStatus.ACTIVE, Account.email.is_not(None))  # others are told later
        .where(OwnerProfile.proxy_login_mail == ProxyLoginMail.DAILY)
        .where(or_(OwnerProfile.told_until.is_(None), OwnerProfile.told_until < midnight))
        .where(_has_untold(midnight))
        .order_by(OwnerProfile.account_id)
        .limit(limit)
    ).all()
    return sum(_tell_one(session, owner, until=midnight, find_apps=find_apps) for owner in waiting)


def _tell_one(session: Session, owner: OwnerProfile, *, until: datetime, find_apps: FindApps) -> int:
    """Tell one owner; one whose mail cannot be written keeps nobody else waiting, and comes again."""
    owner_id = owner.account_id
    try:
        with session.begin_nested():
            return _tell(session, owner, until=until, find_apps=find_apps)
    except OperationalError:
        raise  # it is the database that fails, and the next owner would fare no better
    except Exception:
        log.exception("owner passed over: the daily mail of %s failed", owner_id)
        return 0


def choose_mail(
    session: Session, owner_id: uuid.UUID, choice: ProxyLoginMail, *, find_apps: FindApps
) -> None:
    """Store how an owner wants to be told. What waited for a daily mail is told now, and nothing twice.

    The grants are held, so that a proxy login that is just beginning is told in the one way or the other.

    :raises NotAnOwner: the account is none (any longer).
    """
    hold_grants_of(session, owner_id)
    held: dict[str, object] = {"of": OwnerProfile, "key_share": True}  # the worker is just telling, or waits
    owner = session.get(OwnerProfile, owner_id, populate_existing=True, with_for_update=held)
    if owner is None:
        raise NotAnOwner
    if owner.proxy_login_mail == choice:
        return
    now = clock.now()
    if owner.proxy_login_mail == ProxyLoginMail.DAILY:
        _tell(session, owner, until=now, find_apps=find_apps)
    told_until = now if choice is ProxyLoginMail.DAILY else None
    session.execute(
        update(OwnerProfile).where(OwnerProfile.account_id == owner_id).values(told_until=told_until),
        execution_options={"synchronize_session": False},
    )
    set_proxy_login_mail(session, owner_id, choice)


def _has_untold(until: datetime) -> exists:  # type: ignore[valid-type]  # SQLAlchemy's own spelling
    untold = or_(OwnerProfile.told_until.is_(None), ActAsSession.started_at >= OwnerProfile.told_until)
    return (
        exists()
        .where(Grant.owner_id == OwnerProfile.account_id, ActAsSession.grant_id == Grant.id)
        .where(untold, ActAsSession.started_at < until)
    )


def _tell(session: Session, owner: OwnerProfile, *, until: datetime, find_apps: FindApps) -> int:
    """Write the mail and move on, and return 1; 0 where another worker has, or there is nothing to tell."""
    since = owner.told_until or until - timedelta(days=1)
    unchanged = OwnerProfile.told_until == owner.told_until
    moved = session.execute(
        update(OwnerProfile)
        .where(OwnerProfile.account_id == owner.account_id, unchanged)
        .where(OwnerProfile.proxy_login_mail == ProxyLoginMail.DAILY)
        .values(told_until=until)
        .returning(OwnerProfile.account_id),
        execution_options={"synchronize_session": False},
    ).first()
    account: Account = owner.account
    if moved is None or account.email is None:
        return 0
    logins = proxy_logins_between(session, owner.account_id, find_apps=find_apps, since=since, until=until)
    if not logins:
        return 0
    cards = _cards(logins)
    proxy_logins_of_days(
        session, owner_email=account.email, owner_name=account.name,
        since=min(login.session.started_at for login in logins), until=until, logins=cards[:IN_A_MAIL],
        left_out=sum(card.times for card in cards[IN_A_MAIL:]),
    )  # fmt: skip
    return 1


def _cards(logins: Iterable[ProxyLogin]) -> list[LoginCard]:
    """Return a card for each proxy login; what a system did under one grant for one reason is one card."""
    cards: dict[object, LoginCard] = {}
    with force_locale("ja"):  # mails are Japanese, whatever the page is on which something was pressed
        for login in logins:
            card = _card(login)
            key = (card.grant_id, card.who, card.app_name, card.reason) if login.is_by_system else login
            known = cards.get(key)
            if known is not None:
                done = tuple(dict.fromkeys(known.done + card.done))
                card = replace(known, times=known.times + 1, done=done)
            cards[key] = card
    return list(cards.values())


def _card(login: ProxyLogin) -> LoginCard:
    return LoginCard(
        at=login.session.started_at, times=1, agency_name=login.session.grant.agency.name,
        who=history_words.who(login), app_name=login.app.name, reason=login.session.reason,
        done=_done(login), grant_id=login.session.grant_id,
    )  # fmt: skip


def _done(login: ProxyLogin) -> tuple[str, ...]:
    viewed, exported = (history_words.reports(login, one) for one in (Action.VIEWED, Action.EXPORTED))
    return (
        *(f"見た: {line}" for line in viewed), *(f"書き出した: {line}" for line in exported),
        *(f"変更した: {line}" for line in history_words.changes(login)),
    )  # fmt: skip
