"""Commands of the operator: accounts, agencies, grants, mails, audit, units from the factory."""

import csv
import uuid
from typing import TextIO

import click
from sqlalchemy import select

from idp.accounts.models import Agency
from idp.accounts.products.service import Unit, add_units
from idp.audit.models import AuditEvent
from idp.commands.names import AGENCY, get_person, japan, operators_database, told_name
from idp.delegation import service as delegation
from idp.delegation import standing
from idp.delegation.models import Grant
from idp.delegation.rules import AgencyUnknown, GrantUnknown, TransitionRefused
from idp.mail import operator as mail_operator
from idp.mail.rules import DeadLetterExpired, DeadLetterUnknown
from idp.unit_of_work import unit_of_work


@click.group()
def account() -> None:
    """Accounts of people."""


@account.command("suspend")
@click.argument("who")
def account_suspend(who: str) -> None:
    """Suspend an account: it can do nothing, and nobody can act for it, from the next request on.

    WHO is the address or the ユーザーID.
    """
    with unit_of_work(operators_database()) as session:
        person = get_person(session, who)
        if not standing.suspend_account(session, person.id):
            raise click.ClickException(
                f"Nothing was changed: {told_name(person)} is {person.status} already."
            )
        told = told_name(person)
    click.echo(f"Suspended: {told}. Signed out everywhere; proxy logins have ended.")
    click.echo(f"Lift it with:  idp account reinstate {who}")


@account.command("reinstate")
@click.argument("who")
def account_reinstate(who: str) -> None:
    """Lift the suspension: what was active is active again, unless the agency is suspended too.

    WHO is the address or the ユーザーID.
    """
    with unit_of_work(operators_database()) as session:
        person = get_person(session, who)
        if not standing.reinstate_account(session, person.id):
            raise click.ClickException(f"Nothing was changed: {told_name(person)} is {person.status}.")
        told = told_name(person)
    click.echo(f"Active again: {told}. The person and the agencies are told by mail.")


@click.group()
def agency() -> None:
    """Agencies."""


@agency.command("list")
def agency_list() -> None:
    """List agencies: id, standing, 販売店ID, name. Commands take the id or the 販売店ID."""
    with unit_of_work(operators_database(), writes=False) as session:
        for row in session.scalars(select(Agency).order_by(Agency.created_at)):
            click.echo(f"{row.id}  {row.status:9} {row.email:32} {row.name}")


@agency.command("suspend")
@click.argument("agency_id", type=AGENCY, metavar="AGENCY")
def agency_suspend(agency_id: uuid.UUID) -> None:
    """Suspend an agency with all its grants and running proxy logins."""
    _suspend(agency_id, suspended=True)


@agency.command("reinstate")
@click.argument("agency_id", type=AGENCY, metavar="AGENCY")
def agency_reinstate(agency_id: uuid.UUID) -> None:
    """Lift the suspension: exactly the grants that were active are active again."""
    _suspend(agency_id, suspended=False)


def _suspend(agency_id: uuid.UUID, *, suspended: bool) -> None:
    with unit_of_work(operators_database()) as session:
        found = session.get(Agency, agency_id)
        if found is None:
            raise click.ClickException("No such agency. `idp agency list` lists them.")
        try:
            moved = standing.set_agency_suspended(session, agency_id, suspended=suspended)
        except AgencyUnknown as error:
            raise click.ClickException(f"Nothing was changed: {found.name} is {found.status}.") from error
        told = f"{found.name} is {found.status} now; {moved} grants changed"
    click.echo(f"{told}. The agency and the owners are told by mail.")
    if suspended:
        click.echo(f"Lift it with:  idp agency reinstate {agency_id}")


@click.group("delegation")
def delegation_group() -> None:
    """Delegation grants, for an owner on the telephone."""


@delegation_group.command("list")
@click.argument("who")
def delegation_list(who: str) -> None:
    """List an owner's grants. WHO is the address or the ユーザーID."""
    with unit_of_work(operators_database(), writes=False) as session:
        person = get_person(session, who)
        grants = delegation.grants_of_owner(session, person.id)
        click.echo(f"{told_name(person)}: {len(grants)} grants and requests")
        for grant in grants:
            click.echo(_line(grant))


@delegation_group.command("end")
@click.argument("grant_id", type=click.UUID)
def delegation_end(grant_id: uuid.UUID) -> None:
    """End a grant at the owner's word; running proxy logins end with it."""
    with unit_of_work(operators_database()) as session:
        try:
            grant = delegation.end_by_operator(session, grant_id)
        except GrantUnknown as error:
            raise click.ClickException(
                "No such grant. `idp delegation list WHO` lists an owner's grants."
            ) from error
        except TransitionRefused as error:
            raise click.ClickException(f"Nothing was changed: the grant is {error.state} already.") from error
        click.echo(_line(grant))
    click.echo(
        "Ended. Owner and agency are told by mail; `idp owner show WHO` says when the apps have confirmed."
    )


def _line(grant: Grant) -> str:
    until = japan(grant.expires_at) if grant.expires_at else "-"
    return f"{grant.id}  {grant.state:10} until {until:20} {grant.agency.name}"


@click.group()
def mail() -> None:
    """Mails and logout calls that could not be delivered."""


@mail.command("dead")
def mail_dead() -> None:
    """List dead letters."""
    with unit_of_work(operators_database(), writes=False) as session:
        letters = mail_operator.list_dead_letters(session)
        click.echo(
            f"{len(letters)} dead letters" + ("; send one again with `idp mail retry ID`" if letters else "")
        )
        for letter in letters:
            click.echo(
                f"{letter.id}  {letter.topic:20} {letter.name:28} {japan(letter.dead_at)}  "
                f"{letter.attempts} attempts: {letter.last_error}"
            )


@mail.command("state")
def mail_state() -> None:
    """Say how many deliveries wait, since when, where they fail, and how many were given up."""
    with unit_of_work(operators_database(), writes=False) as session:
        state, troubles = mail_operator.outbox_state(session), mail_operator.list_troubles(session)
    since = f", the oldest due since {japan(state.oldest_due_at)}" if state.oldest_due_at else ""
    click.echo(f"{state.waiting} waiting{since}; {state.dead} dead letters")
    for one in troubles:
        click.echo(
            f"  {one.topic} {one.name}: {one.waiting} tried in vain since {japan(one.since)}, "
            f"the last: {one.last_error}"
        )


@mail.command("retry")
@click.argument("item_id", type=click.UUID, required=False)
@click.option("--all", "everything", is_flag=True, help="Retry every dead letter.")
def mail_retry(item_id: uuid.UUID | None, *, everything: bool) -> None:
    """Try one dead letter, or all, again."""
    if item_id is None and not everything:
        raise click.UsageError("Name a dead letter, or give --all.")
    with unit_of_work(operators_database()) as session:
        if item_id is None:
            click.echo(f"{mail_operator.retry_dead_letters(session)} will be tried again.")
            return
        try:
            mail_operator.retry_dead_letter(session, item_id)
        except (DeadLetterUnknown, DeadLetterExpired) as error:
            raise click.ClickException("There is no such dead letter, or what it carried is over.") from error
    click.echo("It will be tried again.")


@click.group()
def audit() -> None:
    """The audit log."""


@audit.command("list")
@click.option("--limit", default=50, show_default=True)
def audit_list(limit: int) -> None:
    """List the newest events."""
    with unit_of_work(operators_database(), writes=False) as session:
        for event in session.scalars(select(AuditEvent).order_by(AuditEvent.number.desc()).limit(limit)):
            named = {"actor": event.actor_id, "owner": event.owner_id, "agency": event.agency_id,
                     "grant": event.grant_id, "client": event.client_id}  # fmt: skip
            facts = " ".join(f"{name}={value}" for name, value in {**named, **event.data}.items() if value)
            click.echo(f"{event.number:6} {japan(event.at)} {event.event:28} {facts}")


@click.group()
def product() -> None:
    """Units that left the factory, which owners claim by serial number."""


@product.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
def product_import(file: TextIO) -> None:
    """Add the units of a CSV file with the columns product_id, model and serial_number; known ones stay."""
    rows = csv.DictReader(file)
    if missing := {"product_id", "model", "serial_number"} - set(rows.fieldnames or ()):
        raise click.ClickException(f"{file.name} lacks the columns {', '.join(sorted(missing))}.")
    try:
        units = [Unit(int(row["product_id"]), row["model"], row["serial_number"]) for row in rows]
    except (TypeError, ValueError) as error:
        raise click.ClickException(f"{file.name}, line {rows.line_num}: product_id is no number.") from error
    with unit_of_work(operators_database()) as session:
        added = add_units(session, units)
    click.echo(f"{added} units added, {len(units) - added} were there already.")


GROUPS = (account, agency, delegation_group, mail, audit, product)
