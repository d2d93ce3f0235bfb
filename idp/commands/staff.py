"""``idp agency staff``: for an agency on the telephone whose managers are gone, or that loses somebody."""

import uuid
from datetime import timedelta

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.folding import fold_email, is_email
from idp.accounts.link_policy import LinkPolicy
from idp.accounts.models import Account, Agency, Member
from idp.accounts.rules import AgencyStatus
from idp.accounts.staff import places
from idp.accounts.staff.rules import LastManager, TooManyInvitations
from idp.accounts.staff.service import invite_by_operator
from idp.commands.names import AGENCY, japan, operators_database
from idp.commands.operator import agency
from idp.delegation.staff import service
from idp.settings import Settings
from idp.unit_of_work import unit_of_work


@click.group("staff")
def staff() -> None:
    """An agency's staff."""


@staff.command("list")
@click.argument("agency_id", type=AGENCY, metavar="AGENCY")
def staff_list(agency_id: uuid.UUID) -> None:
    """List who is there, with role and last sign-in."""
    with unit_of_work(operators_database(), writes=False) as session:
        _agency(session, agency_id)
        for place in places.list_places(session, agency_id):
            member, last = place.member, place.last_sign_in
            seen = japan(last) if last else "-"
            click.echo(f"{member.role:11} {seen:20} {member.account.email or '-':32} {member.account.name}")


@staff.command("add-manager")
@click.argument("agency_id", type=AGENCY, metavar="AGENCY")
@click.argument("email")
def staff_add_manager(agency_id: uuid.UUID, email: str) -> None:
    """Make somebody of the staff a manager, or mail an invitation to whoever is not of the staff.

    Make sure first who is calling: a manager can do everything for the agency.
    """
    address, settings = fold_email(email), Settings.from_environment()
    if not is_email(address):
        raise click.ClickException(f"{email} is no mail address.")
    with unit_of_work(operators_database()) as session:
        found = _agency(session, agency_id)
        member = _find(session, agency_id, address)
        if member is not None:
            places.make_manager(session, agency_id, member.id)
            click.echo("The person is a manager now.")
            return
        policy = LinkPolicy(
            lifetime=timedelta(seconds=settings.staff_invitation_lifetime),
            mails_per_hour=settings.mails_per_recipient_hour, mails_per_day=settings.mails_per_recipient_day,
        )  # fmt: skip
        try:
            invite_by_operator(session, found, address, policy=policy, now=clock.now())
        except TooManyInvitations as error:
            raise click.ClickException("Too many invitations of this agency wait already.") from error
    click.echo("Nobody of the staff has this address: an invitation to become a manager will be mailed.")


@staff.command("remove")
@click.argument("agency_id", type=AGENCY, metavar="AGENCY")
@click.argument("email")
def staff_remove(agency_id: uuid.UUID, email: str) -> None:
    """Remove somebody from the staff; sign-ins and proxy logins end with it, and the managers are told."""
    with unit_of_work(operators_database()) as session:
        _agency(session, agency_id)
        member = _find(session, agency_id, fold_email(email))
        if member is None:
            raise click.ClickException(
                "Nobody of the staff has this address. `idp agency staff list` lists them."
            )
        try:
            service.remove_by_operator(session, agency_id, member.id, now=clock.now())
        except LastManager as error:
            raise click.ClickException(
                "The person is the last manager. Add another one first: `idp agency staff add-manager`."
            ) from error
    click.echo("The person is no longer of the staff.")


def _agency(session: Session, agency_id: uuid.UUID) -> Agency:
    found = session.get(Agency, agency_id)
    if found is None or found.status == AgencyStatus.CLOSED:
        raise click.ClickException("No such agency, or it is closed. `idp agency list` lists them.")
    return found


def _find(session: Session, agency_id: uuid.UUID, email: str) -> Member | None:
    return session.scalar(
        select(Member)
        .join(Account, Account.id == Member.account_id)
        .where(Member.agency_id == agency_id, Member.left_at.is_(None), Account.email == email)
    )


COMMANDS = ((agency, staff),)
"""Groups of the operator's commands, and what is added to each."""
