"""Whom an operator's command is about, named as people name them on the telephone; and Japan's time."""

import uuid
from datetime import datetime
from typing import Any

import click
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.folding import fold_digits, fold_email
from idp.accounts.models import Account
from idp.accounts.people import find_account_by_email, find_open_agency, find_owners
from idp.credentials import Sealer
from idp.db import Database, is_storable, make_engine
from idp.settings import Settings
from idp.unit_of_work import unit_of_work


def operators_database() -> Database:
    """Return the database that the settings name, for one command."""
    settings = Settings.from_environment()
    engine = make_engine(settings.database_url, threads=1)
    click.get_current_context().call_on_close(engine.dispose)
    return Database(engine, Sealer(settings.encryption_key))


class AgencyName(click.ParamType[uuid.UUID]):
    """An agency by its id or its 販売店ID; the id is what the command gets, whether or not it exists."""

    name = "AGENCY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> uuid.UUID:
        """Return the id."""
        try:
            return value if isinstance(value, uuid.UUID) else uuid.UUID(value)
        except ValueError:
            address = fold_email(value)
        with unit_of_work(operators_database(), writes=False) as session:
            found = find_open_agency(session, address) if is_storable(address) else None
        if found is None:
            self.fail(f"No such agency: {value}. `idp agency list` lists ids and 販売店ID.", param, ctx)
        return found.id


AGENCY = AgencyName()


def get_person(session: Session, who: str) -> Account:
    """Return the person with this address, whatever they are in the club, or the owner with this ユーザーID.

    :raises click.ClickException: there is none.
    """
    digits, address, found = fold_digits(who), fold_email(who), None
    if digits.isdigit() and len(digits) <= LONGEST_USER_ID:
        found = next(iter(find_owners(session, digits)), None)
    elif is_storable(address):
        found = find_account_by_email(session, address)
    if found is None:
        raise click.ClickException(
            "No account has this address or ユーザーID. `idp owner show` finds by name and telephone, too."
        )
    return found


LONGEST_USER_ID = 9
"""Digits: what is longer is a telephone number."""


def told_name(person: Account) -> str:
    """Return who it is, so that the operator sees a slip of the tongue."""
    number = f"ユーザーID {person.owner.user_id}, " if person.owner else ""
    return f"{person.name or '-'} ({number}{person.email or '-'})"


def japan(moment: datetime) -> str:
    """Return 2026-11-24 23:21:03, in Japan's time."""
    return moment.astimezone(clock.JST).strftime("%Y-%m-%d %H:%M:%S")
