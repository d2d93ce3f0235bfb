"""``idp audit seal`` and ``idp audit verify``: whether the log is what was written."""

import click

from idp import clock
from idp.audit import seals
from idp.commands.names import operators_database
from idp.commands.operator import audit
from idp.settings import Settings
from idp.unit_of_work import unit_of_work


@click.command("seal")
def audit_seal() -> None:
    """Seal what is settled (the worker does it every minute); prints the newest seal, to note it outside."""
    database, key = operators_database(), Settings.from_environment().encryption_key
    while True:
        with unit_of_work(database) as session:
            made = seals.seal(session, key)
            if made is None:
                break
            click.echo(f"{made.last_number} {clock.iso(made.sealed_at)} {made.digest}")


@click.command("verify")
def audit_verify() -> None:
    """Say whether any sealed row was changed, taken out or put in."""
    with unit_of_work(operators_database(), writes=False) as session:
        broken = seals.find_break(session, Settings.from_environment().encryption_key)
    if broken is not None:
        raise click.ClickException(
            f"Rows {broken.first_number} to {broken.last_number} are not what was sealed. Compare a backup."
        )
    click.echo("Every sealed row is as it was written.")


COMMANDS = ((audit, audit_seal), (audit, audit_verify))
