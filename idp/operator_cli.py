"""Commands of the operator: accounts, agencies, grants, mails, audit, units from the factory."""

import csv
import uuid
from typing import TextIO

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Account, Agency
from idp.accounts.people import find_account_by_email
from idp.accounts.products.service import Unit, add_units
from idp.accounts.rules import AccountStatus
from idp.audit.models import AuditEvent
from idp.credentials import Sealer
from idp.db import Database, make_engine
from idp.delegation import service as delegation
from idp.delegation import standing
from idp.delegation.models import Grant
from idp.delegation.rules import AgencyUnknown, GrantUnknown, TransitionRefused
from idp.mail import operator as mail_operator
from idp.mail.rules import DeadLetterExpired, DeadLetterUnknown
from idp.settings import Settings
from idp.unit_of_work import unit_of_work


def operators_database() -> Database:
    """Return the database that the settings name, for one command."""
    settings = Settings.from_environment()
    engine = make_engine(settings.database_url, threads=1)
    click.get_current_context().call_on_close(engine.dispose)
    return Database(engine, Sealer(settings.encryption_key))


@click.group()
def account() -> None:
    """Accounts of people."""


@account.command("suspend")
@click.argument("email")
def account_suspend(email: str) -> None:
    """Suspend an account: it can do nothing, and nobody can act for it, from the next request on."""
    with unit_of_work(operators_database()) as session:
        person = _person(session, email)
        if not standing.suspend_account(session, person.id):
            raise click.ClickException(f"The account is {person.status}, not {AccountStatus.ACTIVE}.")
    click.echo("The account is suspended.")


@account.command("reinstate")
@click.argument("email")
def account_reinstate(email: str) -> None:
    """Lift the suspension: what was active is active again, unless the agency is suspended too."""
    with unit_of_work(operators_database()) as session:
        person = _person(session, email)
        if not standing.reinstate_account(session, person.id):
            raise click.ClickException(f"The account is {person.status}, not {AccountStatus.SUSPENDED}.")
    click.echo("The account is active again.")


def _person(session: Session, email: str) -> Account:
    person = find_account_by_email(session, email)
    if person is None:
        raise click.ClickException("No account has this address.")
    return person


@click.group()
def agency() -> None:
    """Agencies."""


@agency.command("list")
def agency_list() -> None:
    """List agencies."""
    with unit_of_work(operators_database(), writes=False) as session:
        for row in session.scalars(select(Agency).order_by(Agency.created_at)):
            click.echo(f"{row.id}  {row.status:9} {row.email:32} {row.name}")


@agency.command("suspend")
@click.argument("agency_id", type=click.UUID)
def agency_suspend(agency_id: uuid.UUID) -> None:
    """Suspend an agency with all its grants and running proxy logins."""
    _suspend(agency_id, suspended=True)


@agency.command("reinstate")
@click.argument("agency_id", type=click.UUID)
def agency_reinstate(agency_id: uuid.UUID) -> None:
    """Lift the suspension: exactly the grants that were active are active again."""
    _suspend(agency_id, suspended=False)


def _suspend(agency_id: uuid.UUID, *, suspended: bool) -> None:
    with unit_of_work(operators_database()) as session:
        try:
            moved = standing.set_agency_suspended(session, agency_id, suspended=suspended)
        except AgencyUnknown as error:
            raise click.ClickException("No such agency, or it is in that standing already.") from error
    click.echo(f"{moved} grants changed.")


@click.group("delegation")
def delegation_group() -> None:
    """Delegation grants, for an owner on the telephone."""


@delegation_group.command("list")
@click.argument("email")
def delegation_list(email: str) -> None:
    """List an owner's grants."""
    with unit_of_work(operators_database(), writes=False) as session:
        person = _person(session, email)
        for grant in delegation.grants_of_owner(session, person.id):
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
                "No such grant. `idp delegation list EMAIL` lists an owner's grants."
            ) from error
        except TransitionRefused as error:
            raise click.ClickException(f"The grant is {error.state} already.") from error
        click.echo(_line(grant))


def _line(grant: Grant) -> str:
    until = clock.iso(grant.expires_at) if grant.expires_at else "-"
    return f"{grant.id}  {grant.state:10} until {until:20} {grant.agency.name}"


@click.group()
def mail() -> None:
    """Mails and logout calls that could not be delivered."""


@mail.command("dead")
def mail_dead() -> None:
    """List dead letters."""
    with unit_of_work(operators_database(), writes=False) as session:
        for letter in mail_operator.list_dead_letters(session):
            click.echo(
                f"{letter.id}  {letter.topic:20} {letter.name:28} {clock.iso(letter.dead_at)}  "
                f"{letter.attempts} attempts: {letter.last_error}"
            )


@mail.command("state")
def mail_state() -> None:
    """Say how many deliveries wait, since when, where they fail, and how many were given up."""
    with unit_of_work(operators_database(), writes=False) as session:
        state, troubles = mail_operator.outbox_state(session), mail_operator.list_troubles(session)
    since = f", the oldest due since {clock.iso(state.oldest_due_at)}" if state.oldest_due_at else ""
    click.echo(f"{state.waiting} waiting{since}; {state.dead} dead letters")
    for one in troubles:
        click.echo(
            f"  {one.topic} {one.name}: {one.waiting} tried in vain since {clock.iso(one.since)}, "
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
            click.echo(f"{event.number:6} {clock.iso(event.at)} {event.event:28} {facts}")


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
