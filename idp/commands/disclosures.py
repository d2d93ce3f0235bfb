"""Commands of the operator: the records of disclosures that the law asks for (個人情報保護法 29条)."""

import uuid
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, BinaryIO

import click
from sqlalchemy.orm import Session

from idp.accounts.models import Account, Agency
from idp.commands.names import AGENCY, get_person, japan, operators_database
from idp.delegation.disclosures.models import Disclosure
from idp.delegation.disclosures.reading import LARGEST_FILE, Scope, TooManyRecords, export_records
from idp.unit_of_work import unit_of_work

Command = Callable[..., None]


def _narrowed(command: Command) -> Command:
    """Give a command the options that say whose records, and of which days."""
    for option in (
        click.option("--owner", help="Address or ユーザーID; the account id once it is deleted."),
        click.option("--agency", type=AGENCY, help="Id or 販売店ID of an agency (`idp agency list`)."),
        click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day, in Japan."),
        click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day, included."),
    ):
        command = option(command)
    return command


def _scope(
    session: Session, *, owner: str | None, agency: uuid.UUID | None, first: datetime | None,
    last: datetime | None,
) -> Scope:  # fmt: skip
    if owner is None and agency is None:
        raise click.UsageError("Name an owner with --owner, or an agency with --agency.")
    if agency is not None and session.get(Agency, agency) is None:
        raise click.ClickException("No such agency. `idp agency list` lists them.")
    return Scope(_owner_id(session, owner) if owner else None, agency, _day(first), _day(last))


def _owner_id(session: Session, owner: str) -> uuid.UUID:
    try:
        deleted = session.get(Account, uuid.UUID(owner))
    except ValueError:
        return get_person(session, owner).id
    if deleted is None:
        raise click.ClickException("No account has this id.")
    return deleted.id


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


@click.group()
def disclosure() -> None:
    """Records of owners' data that went to agencies."""


@disclosure.command("list")
@_narrowed
def disclosure_list(**narrowed: Any) -> None:
    """List the newest records of an owner or an agency, for the telephone."""
    with unit_of_work(operators_database(), writes=False) as session:
        chosen = _scope(session, **narrowed).chosen().order_by(Disclosure.at.desc()).limit(50)
        records = session.scalars(chosen).all()
        click.echo(f"{len(records)} records, the newest first; `idp disclosure export` writes all of them")
        for record in records:
            click.echo(
                f"{japan(record.at)}  {record.occasion:11} {record.owner_name} -> "
                f"{record.recipient_name}: {', '.join(record.items)}  ({record.wording})"
            )


@disclosure.command("export")
@_narrowed
@click.argument("file", type=click.File("wb"))
def disclosure_export(file: BinaryIO, **narrowed: Any) -> None:
    """Write the records of an owner or an agency to a CSV file (- for the screen); the audit log notes it."""
    with unit_of_work(operators_database()) as session:
        try:
            file.write(export_records(session, _scope(session, **narrowed), actor_id=None))
        except TooManyRecords as error:
            raise click.ClickException(
                f"There are more than {LARGEST_FILE} records; narrow the days with --from and --to."
            ) from error
