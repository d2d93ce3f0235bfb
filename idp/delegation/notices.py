"""Who is told of what by mail; wording and templates are ``mail``'s."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import OwnerProfile, Product
from idp.accounts.rules import ProxyLoginMail
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.permissions.products import limited_products
from idp.delegation.permissions.service import titles, words_by_name
from idp.delegation.rules import GrantState, Party, SessionKind
from idp.mail import messages
from idp.mail.messages import AgencyCard, Ending, OwnerCard, ProductCard
from idp.mail.proxy_logins import proxy_login_started


def tell_agency_of_request(session: Session, grant: Grant, *, products: Sequence[Product]) -> None:
    """Mail the agency that an owner asks, with who they are and what they have."""
    session.refresh(grant)
    owner, profile = grant.owner, grant.owner.owner
    if profile is None:
        return
    messages.delegation_requested(
        session, agency_email=grant.agency.email, agency_name=grant.agency.name,
        owner=OwnerCard(
            user_id=profile.user_id, name=owner.name, furigana=owner.furigana,
            prefecture=profile.prefecture, city=profile.city, street=profile.street, email=owner.email or "",
        ),
        products=[ProductCard(product.model, product.serial_number) for product in products],
    )  # fmt: skip


def tell_owner_of_answer(session: Session, grant: Grant) -> None:
    """Mail the owner that the agency approved or refused."""
    if grant.owner.email is None:
        return
    agency = _card(grant)
    if grant.state == GrantState.ACTIVE and grant.expires_at is not None:
        limited = limited_products(session, grant)
        messages.delegation_approved(
            session, owner_email=grant.owner.email, owner_name=grant.owner.name, agency=agency,
            allowed=titles(words_by_name(session), grant.permission_set), expires_at=grant.expires_at,
            products=None if limited is None else [f"{one.model} {one.serial_number}" for one in limited],
            grant_id=grant.id,
        )  # fmt: skip
    else:
        messages.delegation_denied(
            session, owner_email=grant.owner.email, owner_name=grant.owner.name, agency=agency
        )


def tell_both_of_end(session: Session, grant: Grant, *, party: Party) -> None:
    """Mail owner and agency that a grant or a request is over, and by whom."""
    how, at = _ending(grant, party), grant.ended_at or clock.now()
    if grant.owner.email is not None:
        messages.delegation_ended_for_owner(
            session, owner_email=grant.owner.email, owner_name=grant.owner.name, agency=_card(grant),
            how=how, at=at,
        )  # fmt: skip
    messages.delegation_ended_for_agency(
        session, agency_email=grant.agency.email, agency_name=grant.agency.name, owner_name=grant.owner.name,
        owner_user_id=grant.owner.owner.user_id if grant.owner.owner else 0, how=how, at=at,
    )  # fmt: skip


def tell_owner_of_proxy_login(
    session: Session, act_as: ActAsSession, grant: Grant, *, staff_name: str, app_name: str
) -> None:
    """Mail the owner that somebody signed in for them, if they want a mail at each.

    What they chose is read anew: whoever changes it waits for what begins under their grants.
    """
    chosen = select(OwnerProfile.proxy_login_mail).where(OwnerProfile.account_id == grant.owner_id)
    if session.scalar(chosen) != ProxyLoginMail.EACH or grant.owner.email is None:
        return
    proxy_login_started(
        session, owner_email=grant.owner.email, owner_name=grant.owner.name, agency_name=grant.agency.name,
        staff_name=staff_name, reason=act_as.reason, app_name=app_name, at=act_as.started_at,
        grant_id=grant.id, session_id=act_as.id, by_system=act_as.kind == SessionKind.API,
    )  # fmt: skip


def _card(grant: Grant) -> AgencyCard:
    return AgencyCard(grant.agency.name, grant.agency.email)


def _ending(grant: Grant, party: Party) -> Ending:
    if grant.state == GrantState.WITHDRAWN:
        return Ending.WITHDRAWN if party is Party.OWNER else Ending.CANCELLED
    if grant.state == GrantState.LAPSED:
        return Ending.LAPSED
    if grant.state == GrantState.EXPIRED:
        return Ending.EXPIRED
    return {Party.AGENCY: Ending.RELEASED, Party.OPERATOR: Ending.STOPPED}.get(party, Ending.REVOKED)
