"""Commands of the operator for what cannot be undone: an account deleted, an agency closed, a house sold."""

import uuid

import click

from idp.accounts.departures import AccountUnknown, AgencyGone, LastManagerLeaves
from idp.accounts.models import Agency
from idp.accounts.rules import NotAnOwner, SerialTaken, SerialUnknown, SerialYours
from idp.commands.names import AGENCY, get_person, operators_database, told_name
from idp.commands.operator import account, agency, product
from idp.delegation.departures import hand_over_product
from idp.oauth.departures import close_agency, delete_account
from idp.unit_of_work import unit_of_work

_YES = click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")


@click.command("delete")
@click.argument("who")
@_YES
def account_delete(who: str, *, yes: bool) -> None:
    """Delete an account for good: grants end, products are released, the address is free again.

    WHO is the address or the ユーザーID.
    """
    database = operators_database()
    with unit_of_work(database, writes=False) as session:
        told = told_name(get_person(session, who))
    _ask(f"Delete the account of {told} for good?", yes=yes)
    with unit_of_work(database) as session:
        person = get_person(session, who)
        try:
            ended = delete_account(session, person.id)
        except AccountUnknown as error:
            raise click.ClickException("The account was deleted before.") from error
        except LastManagerLeaves as error:
            raise click.ClickException(
                "The person is the only manager of an agency. Let the agency name another manager first, "
                "or close it with `idp agency close ID`."
            ) from error
    click.echo(f"The account of {told} is deleted; {ended} grants and requests ended.")


@click.command("close")
@click.argument("agency_id", type=AGENCY, metavar="AGENCY")
@_YES
def agency_close(agency_id: uuid.UUID, *, yes: bool) -> None:
    """Close an agency for good: all its grants end, its members leave, its systems are disabled."""
    database = operators_database()
    with unit_of_work(database, writes=False) as session:
        found = session.get(Agency, agency_id)
        told = found.name if found else str(agency_id)
    _ask(f"Close the agency {told} for good?", yes=yes)
    with unit_of_work(database) as session:
        try:
            ended = close_agency(session, agency_id)
        except AgencyGone as error:
            raise click.ClickException("No such agency, or it was closed before.") from error
    click.echo(f"{told} is closed; {ended} grants and requests ended.")


@click.command("transfer")
@click.argument("serial")
@click.option("--to", "who", metavar="WHO", help="Address or ユーザーID of the new owner.")
@click.option("--release", is_flag=True, help="Nobody's, until its new owner registers it.")
@_YES
def product_transfer(serial: str, who: str | None, *, release: bool, yes: bool) -> None:
    """Hand a product to another owner, as when a house is sold; nobody inherits the grants about it."""
    if (who is None) is not release:
        raise click.UsageError("Give --to WHO or --release.")
    database, to = operators_database(), "nobody until its new owner registers it"
    if who:
        with unit_of_work(database, writes=False) as session:
            to = told_name(get_person(session, who))
    _ask(f"Hand {serial} for good to {to}?", yes=yes)
    with unit_of_work(database) as session:
        person = get_person(session, who) if who else None
        try:
            ended = hand_over_product(session, serial, to=person.id if person else None)
        except SerialUnknown as error:
            raise click.ClickException(
                "No unit with this serial number left the factory. `idp owner show WHO` lists an owner's."
            ) from error
        except SerialYours as error:
            raise click.ClickException("It is in that hand already.") from error
        except SerialTaken as error:
            raise click.ClickException("It has just gone to somebody else.") from error
        except NotAnOwner as error:
            raise click.ClickException("The account is no owner's, or it is not active.") from error
    click.echo(f"{serial} belongs to {to}; {ended} grants and requests ended.")


def _ask(question: str, *, yes: bool) -> None:
    if not yes:
        click.confirm(question, abort=True)


COMMANDS = ((account, account_delete), (agency, agency_close), (product, product_transfer))
"""Each with the group that it belongs to."""
