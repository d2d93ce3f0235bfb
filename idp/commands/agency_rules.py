"""``idp agency rules``: what the operator demands of an agency's proxy logins, beside the agency's own."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import click

from idp.accounts.models import Agency
from idp.commands.names import AGENCY, operators_database
from idp.commands.operator import agency
from idp.delegation.conditions.rules import (
    Conditions,
    ConditionUnreadable,
    Hours,
    Network,
    check_max_age,
    check_per_hour,
    read_hours,
    read_networks,
)
from idp.delegation.conditions.service import SetBy, conditions_of, set_conditions
from idp.unit_of_work import unit_of_work

NONE = "none"
T = TypeVar("T")


@click.command("rules")
@click.argument("agency_id", type=AGENCY, metavar="AGENCY")
@click.option("--reason/--no-reason", default=None, help="Whether members must give the owner a reason.")
@click.option("--max-age", metavar="SECONDS", help="How long ago the password may have been given.")
@click.option("--hours", metavar="8:00-20:00", help="When proxy logins may begin, in Japan.")
@click.option("--networks", metavar="NETWORKS", help="Where from, such as '203.0.113.0/24, 2001:db8::/32'.")
@click.option("--per-hour", metavar="NUMBER", help="How many a member, or a system, may begin in an hour.")
def rules(
    agency_id: uuid.UUID, *, reason: bool | None, max_age: str | None, hours: str | None,
    networks: str | None, per_hour: str | None,
) -> None:  # fmt: skip
    """Show what holds for proxy logins of an agency; set what you demand with options.

    `none` takes a demand back. What the agency itself demands holds beside yours.
    """
    with unit_of_work(operators_database()) as session:
        found = session.get(Agency, agency_id)
        if found is None:
            raise click.ClickException("No such agency. `idp agency list` lists them.")
        present = conditions_of(session, agency_id, SetBy.OPERATOR)
        try:
            wanted = replace(
                present,
                reason_required=present.reason_required if reason is None else reason,
                max_age=_read(max_age, _max_age, unchanged=present.max_age, nothing=None),
                hours=_read(hours, _hours, unchanged=present.hours, nothing=()),
                networks=_read(networks, _networks, unchanged=present.networks, nothing=()),
                per_hour=_read(per_hour, _per_hour, unchanged=present.per_hour, nothing=None),
            )
        except ConditionUnreadable as error:
            raise click.ClickException(f"{error.what}, or `{NONE}`.") from error
        set_conditions(session, agency_id, SetBy.OPERATOR, wanted, actor_id=None)
        click.echo(f"{found.name}: what is demanded of a proxy login")
        for by in SetBy:
            click.echo(f"  by the {by}: {_line(conditions_of(session, agency_id, by))}")


def _read(text: str | None, read: Callable[[str], T], *, unchanged: T, nothing: T) -> T:
    if text is None:
        return unchanged
    return nothing if text.strip().lower() == NONE else read(text)


def _max_age(text: str) -> timedelta | None:
    return check_max_age(_number(text, "max_age must be a number of seconds"))


def _per_hour(text: str) -> int | None:
    return check_per_hour(_number(text, "per_hour must be a number"))


def _hours(text: str) -> tuple[Hours, ...]:
    return (read_hours(text),)


def _networks(text: str) -> tuple[tuple[Network, ...], ...]:
    networks = read_networks(text.replace(",", " ").split())
    return (networks,) if networks else ()


def _number(text: str, otherwise: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise ConditionUnreadable(otherwise)
    return int(text)


def _line(held: Conditions) -> str:
    parts = [
        "a reason" if held.reason_required else "",
        f"password given at most {int(held.max_age.total_seconds())} s ago" if held.max_age else "",
        *(f"from {hours}" for hours in held.hours),
        *("from " + " or ".join(map(str, networks)) for networks in held.networks),
        f"at most {held.per_hour} an hour" if held.per_hour else "",
    ]
    return "; ".join(part for part in parts if part) or "nothing"


COMMANDS = ((agency, rules),)
