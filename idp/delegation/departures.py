"""An owner leaves, a house is sold, an agency closes: grants end, and nobody inherits them.

A grant names accounts and agencies by ids that are never given again, so that whoever registers with the
same address later is somebody else. In the lock order of docs/decisions/0013-postgresql.md.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts import departures as leaving
from idp.accounts.models import Account, Agency, Member, Product
from idp.accounts.sessions.service import end_all_sessions
from idp.delegation import lifecycle_notices, proxy_logins
from idp.delegation.invitations.models import AgencyInvitation
from idp.delegation.models import OPEN, Grant, GrantProduct
from idp.delegation.rules import SessionEnd
from idp.delegation.transitions import end_all, hold_all, of_agency, of_owner, owners_to_tell
from idp.mail import lifecycle
from idp.mail.messages import Ending


def delete_account(session: Session, account_id: uuid.UUID) -> int:
    """Delete a person's account with all that hangs on it; return how many grants and requests ended.

    :raises AccountUnknown: there is none, or it was deleted before.
    :raises LastManagerLeaves: the person is the only manager of an agency.
    """
    account = leaving.hold_account(session, account_id)
    leaving.leave_agency(session, account_id)
    ended = end_all(session, of_owner(account_id))
    agencies = lifecycle_notices.tell_agencies_of_end(session, ended, how=Ending.OWNER_LEFT)
    end_all_sessions(session, account_id)
    proxy_logins.end_all_of_account(session, account_id)
    leaving.release_products(session, account_id)
    if account.owner is not None and account.email is not None:
        lifecycle.account_deleted(session, email=account.email, name=account.name, agencies=agencies)
    leaving.erase_account(session, account)
    return len(ended)


def hand_over_product(session: Session, serial_number: str, *, to: uuid.UUID | None) -> int:
    """Make a unit another owner's, or nobody's; return how many grants and requests ended with it.

    Grants of the former owner that are limited to some products lose this one for good, and end when none
    is left; unlimited ones end when the owner has no product at all. Whoever is just looking at it under a
    grant that goes on signs in for the owner again.

    :raises SerialUnknown: no such unit left the factory.
    :raises SerialYours: it is the next owner's already.
    :raises SerialTaken: it went to somebody else at this very moment.
    :raises NotAnOwner: the next owner is no owner in good standing.
    """
    product = leaving.hold_product(session, serial_number, to=to)
    former_id = product.owner_id
    if former_id is None:
        leaving.give_product(session, product, to=to)
        return 0
    which = of_owner(former_id)
    hold_all(session, which)
    about = session.scalars(select(Grant.id).where(which, OPEN, _is_about(product))).all()
    leaving.give_product(session, product, to=to)
    session.execute(
        update(GrantProduct)
        .where(GrantProduct.product_id == product.id, GrantProduct.ended_at.is_(None))
        .where(GrantProduct.grant_id.in_(select(Grant.id).where(which)))
        .values(ended_at=clock.now()),
        execution_options={"synchronize_session": False},
    )
    proxy_logins.end_all_of_grants(session, Grant.id.in_(about), reason=SessionEnd.GRANT_ENDED)
    ended = end_all(session, Grant.id.in_(_without_products(session, about, former_id)))
    agencies = lifecycle_notices.tell_agencies_of_end(session, ended, how=Ending.PRODUCTS_GONE)
    former = session.get_one(Account, former_id)
    lifecycle_notices.tell_of_hand_over(session, former, product, ended=agencies)
    return len(ended)


def _is_about(product: Product) -> ColumnElement[bool]:
    limited_to = exists().where(
        GrantProduct.grant_id == Grant.id, GrantProduct.product_id == product.id,
        GrantProduct.ended_at.is_(None),
    )  # fmt: skip
    return or_(Grant.all_products, limited_to)


def _without_products(
    session: Session, grant_ids: Sequence[uuid.UUID], owner_id: uuid.UUID
) -> Sequence[uuid.UUID]:
    """Return those of an owner's grants that are about nothing any more."""
    owned = session.scalar(select(func.count()).where(Product.owner_id == owner_id))
    left = exists().where(
        GrantProduct.grant_id == Grant.id, GrantProduct.ended_at.is_(None),
        Product.id == GrantProduct.product_id, Product.owner_id == owner_id,
    )  # fmt: skip
    limited = select(Grant.id).where(Grant.id.in_(grant_ids), Grant.all_products.is_(False), ~left)
    if owned:
        return session.scalars(limited).all()
    return grant_ids


def close_agency(session: Session, agency_id: uuid.UUID) -> tuple[int, list[uuid.UUID]]:
    """Close an agency for good; return how many grants and requests ended, and whose accounts are deleted.

    Members leave; those who are no owners lose their account too, so that their address can be registered
    again: as a new agency, or in another one.

    :raises AgencyGone: there is none, or it was closed before.
    """
    agency, members = leaving.close_agency(session, agency_id)
    which = of_agency(agency_id)
    ended = end_all(session, which)
    lifecycle_notices.tell_of_closing(
        session, agency, owners_to_tell(session, which, ended), grants=len(ended)
    )
    session.execute(
        update(AgencyInvitation)
        .where(AgencyInvitation.agency_id == agency_id, AgencyInvitation.withdrawn_at.is_(None))
        .values(withdrawn_at=clock.now())
    )
    return len(ended), [one for place in members if (one := _send_off(session, place, agency)) is not None]


def _send_off(session: Session, place: Member, agency: Agency) -> uuid.UUID | None:
    """Sign a member of a closed agency out everywhere; return the account if it was deleted with it."""
    end_all_sessions(session, place.account_id)
    account = leaving.hold_account(session, place.account_id)
    if account.owner is not None:
        return None
    leaving.erase_account(session, account)
    return account.id
